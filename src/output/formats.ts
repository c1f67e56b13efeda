import type { Arch } from '../base/arch.js'
import { LinuxkitError } from '../base/errors.js'
import { nearest } from '../base/nearest.js'
import { DISK_FORMATS } from './disks.js'
import { docker } from './docker.js'
import type { Format, OutputFile, RootOn } from './format.js'
import { ISO_FORMATS } from './isos.js'
import { kernelInitrd, tarKernelInitrd } from './kernel-initrd.js'
import { KERNEL_ROOT_FORMATS } from './kernel-root.js'
import type { Materials } from './materials.js'
import { rpi3 } from './rpi3.js'
import { tar } from './tar.js'
import { uki } from './uki.js'

export const FORMATS: readonly Format[] = [
  kernelInitrd,
  ...ISO_FORMATS,
  ...DISK_FORMATS,
  uki,
  ...KERNEL_ROOT_FORMATS,
  rpi3,
  tar,
  tarKernelInitrd,
  docker,
]

/** @throws {LinuxkitError} `build/unknown-format` */
export function findFormat(name: string): Format {
  const found = FORMATS.find((format) => format.name === name)
  if (found !== undefined) return found
  const names = FORMATS.map((format) => format.name)
  const close = nearest(name, names)
  throw new LinuxkitError('build/unknown-format', `"${name}" is not a format`, {
    hint: close === undefined ? `the formats are ${names.join(', ')}` : `did you mean "${close}"?`,
  })
}

/** Files that several formats make, and that are the same in all of them. */
const SHARED_SUFFIXES: ReadonlySet<string> = new Set(['-kernel', '-cmdline'])

/**
 * Checks that formats can be made for an architecture, and beside each other.
 * @throws {LinuxkitError} `build/format-arch`, `build/format-alone`, `build/same-file`
 */
export function checkFormats(formats: readonly Format[], arch: Arch): void {
  for (const { name, architectures } of formats) {
    if (architectures.includes(arch)) continue
    const others = FORMATS.filter((format) => format.architectures.includes(arch)).map((format) => format.name)
    throw new LinuxkitError('build/format-arch', `the format ${name} is for ${architectures.join(', ')}, not for ${arch}`, {
      hint: `for ${arch} there are ${others.join(', ')}`,
    })
  }
  const streamed = formats.find((format) => format.streams)
  if (formats.length > 1 && streamed !== undefined) {
    throw new LinuxkitError('build/format-alone', `the format ${streamed.name} can only be made alone`, { hint: 'run a build for each' })
  }
  const makers = new Map<string, string>()
  for (const { name, suffixes } of formats) {
    for (const suffix of suffixes) {
      const other = makers.get(suffix)
      if (other !== undefined && other !== name && !SHARED_SUFFIXES.has(suffix)) {
        throw new LinuxkitError('build/same-file', `the formats ${other} and ${name} both make the file NAME${suffix}`, {
          hint: 'run a build for each, with another --name or --dir',
        })
      }
      makers.set(suffix, name)
    }
  }
}

/**
 * The files of a format.
 * @throws {LinuxkitError} what it throws; when it has no room for the image, with the formats that have
 */
export async function makeFiles(format: Format, materials: Materials): Promise<readonly OutputFile[]> {
  try {
    return await format.make(materials)
  } catch (error) {
    if (!(error instanceof LinuxkitError) || error.code !== 'disk/file-too-large' || format.rootOn !== 'memory') throw error
    const { arch } = materials.options
    const others = FORMATS.filter(({ rootOn, architectures }) => ROOT_ELSEWHERE.has(rootOn) && architectures.includes(arch))
    throw new LinuxkitError(error.code, `${format.name}: ${error.message}`, {
      hint: `make the image smaller, or take a format whose root is not in the initrd: ${others.map(({ name }) => name).join(', ')}`,
      cause: error,
    })
  }
}

const ROOT_ELSEWHERE: ReadonlySet<RootOn> = new Set(['squashfs', 'erofs', 'ISO 9660'])
