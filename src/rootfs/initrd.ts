import { assemble, type AssembleOptions, type Assembled } from './assemble.js'
import type { Compression } from './compression.js'
import { initrdEncoder, type Initrd } from './initrd-encoder.js'
import type { Part } from './part.js'

/** Encodes the parts as an initrd. @throws {LinuxkitError} what encoding throws; when the program or library that compresses is not there */
export async function assembleInitrd(
  parts: readonly Part[],
  { name, level }: Compression,
  options: AssembleOptions,
): Promise<Assembled<Initrd>> {
  // Each of them brings code along that the others do not need.
  switch (name) {
    case 'gzip':
      return assemble(parts, initrdEncoder((await import('./initrd-gzip.js')).gzipInitrd(level)), options)
    case 'zstd':
      return assemble(parts, initrdEncoder((await import('./initrd-zstd.js')).zstdInitrd(level)), options)
    case 'xz':
      return assemble(parts, initrdEncoder(await (await import('./initrd-xz.js')).xzInitrd(level)), options)
    case 'none':
      return assemble(parts, initrdEncoder((await import('./initrd-plain.js')).plainInitrd), options)
  }
}
