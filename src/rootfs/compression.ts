import { LinuxkitError } from '../base/errors.js'
import { nearest } from '../base/nearest.js'

/** Levels that a compression knows, and the one that is taken when none is given. Chosen by measurement: docs/performance.md. */
const LEVELS = {
  gzip: { least: 1, most: 9, usual: 6 },
  zstd: { least: 1, most: 19, usual: 1 },
  xz: { least: 0, most: 9, usual: 6 },
  none: undefined,
} as const

export type CompressionName = keyof typeof LEVELS

/** How an initrd is compressed. */
export interface Compression {
  readonly name: CompressionName
  /** 0 for `none`. */
  readonly level: number
}

const NAMES = Object.keys(LEVELS) as readonly CompressionName[]

/** A compression with its usual level. */
export function usual(name: CompressionName): Compression {
  return { name, level: LEVELS[name]?.usual ?? 0 }
}

/** Machines for which the zstd encoder is made. */
const ZSTD_HOSTS: ReadonlySet<string> = new Set(['linux x64', 'linux arm64', 'darwin x64', 'darwin arm64', 'win32 x64'])

/**
 * What is taken when nobody says anything: zstd for a kernel that is known to unpack it, for it is faster by far; else gzip, which every kernel can.
 * @param host what it is built on, as `process.platform` and `process.arch` tell
 */
export function usualFor(kernelCompressions: readonly string[], host = `${process.platform} ${process.arch}`): Compression {
  return usual(kernelCompressions.includes('zstd') && ZSTD_HOSTS.has(host) ? 'zstd' : 'gzip')
}

/**
 * Reads `NAME` or `NAME:LEVEL`.
 * @throws {LinuxkitError} `cli/compress`
 */
export function parseCompression(text: string): Compression {
  const [word = '', digits] = text.split(/:(.*)/s)
  const name = NAMES.find((one) => one === word)
  if (name === undefined) {
    const close = nearest(word, NAMES)
    throw new LinuxkitError('cli/compress', `"${word}" is not a compression of an initrd`, {
      hint: close === undefined ? `there are ${NAMES.join(', ')}` : `did you mean "${close}"?`,
    })
  }
  if (digits === undefined) return usual(name)
  const levels = LEVELS[name]
  const level = Number(digits)
  if (levels !== undefined && /^\d+$/.test(digits) && level >= levels.least && level <= levels.most) return { name, level }
  throw new LinuxkitError('cli/compress', `"${digits}" is not a level of ${name}`, {
    hint: levels === undefined ? 'it has none' : `the levels are ${levels.least} to ${levels.most}`,
  })
}
