import { LinuxkitError } from '../base/errors.js'
import { nearest } from '../base/nearest.js'
import type { Format } from './format.js'
import { kernelInitrd } from './kernel-initrd.js'
import { tar } from './tar.js'

export const FORMATS: readonly Format[] = [kernelInitrd, tar]

/** Formats of LinuxKit that this version cannot write yet; naming them says more than "unknown". */
const PLANNED: ReadonlySet<string> = new Set([
  'aws',
  'docker',
  'dynamic-vhd',
  'gcp',
  'iso-bios',
  'iso-efi',
  'iso-efi-initrd',
  'kernel+erofs',
  'kernel+iso',
  'kernel+squashfs',
  'qcow2-bios',
  'qcow2-efi',
  'raw-bios',
  'raw-efi',
  'rpi3',
  'tar-kernel-initrd',
  'vhd',
  'vmdk',
])

/** @throws {LinuxkitError} `build/unknown-format` */
export function findFormat(name: string): Format {
  const found = FORMATS.find((format) => format.name === name)
  if (found !== undefined) return found
  const names = FORMATS.map((format) => format.name)
  if (PLANNED.has(name)) {
    throw new LinuxkitError('build/unknown-format', `this version cannot write the format "${name}" yet`, {
      hint: `it can write ${names.join(' and ')}`,
    })
  }
  const close = nearest(name, names)
  throw new LinuxkitError('build/unknown-format', `"${name}" is not a format`, {
    hint: close === undefined ? `the formats are ${names.join(' and ')}` : `did you mean "${close}"?`,
  })
}
