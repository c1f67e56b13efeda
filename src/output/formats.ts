import { LinuxkitError } from '../base/errors.js'
import { nearest } from '../base/nearest.js'
import type { Format } from './format.js'
import { docker } from './docker.js'
import { kernelInitrd, tarKernelInitrd } from './kernel-initrd.js'
import { tar } from './tar.js'

export const FORMATS: readonly Format[] = [kernelInitrd, tar, tarKernelInitrd, docker]

/** Formats of LinuxKit that this version cannot write yet; naming them says more than "unknown". */
const PLANNED: ReadonlySet<string> = new Set([
  'aws',
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
      hint: `it can write ${names.join(', ')}`,
    })
  }
  const close = nearest(name, names)
  throw new LinuxkitError('build/unknown-format', `"${name}" is not a format`, {
    hint: close === undefined ? `the formats are ${names.join(', ')}` : `did you mean "${close}"?`,
  })
}
