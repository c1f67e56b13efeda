import { posix } from 'node:path'
import { EMPTY, type Content } from '../base/content.js'
import { cpioTrailer } from '../archive/cpio.js'
import type { Entry } from '../archive/entry.js'
import { directories } from './image-tree.js'
import type { EncodeContext, Encoder, Encoding, Fragment } from './encoder.js'
import type { Part } from './part.js'

/** What a boot loader takes beside the initrd. Each is empty when no part brings it. */
export interface BootFiles {
  readonly kernel: Content
  readonly cmdline: Content
  readonly ucode: Content
}

/** A tree split into what a kernel is booted with. */
export interface Initrd extends BootFiles {
  /** One cpio archive, compressed. */
  readonly initrd: Content
}

/** A way to compress the cpio archive of an initrd piece by piece. */
export interface InitrdCompressor<Facts extends { readonly size: number }> {
  /** Names the compression and whatever else its bytes depend on. */
  readonly id: string
  /** The entries as a piece of the archive, compressed; `size` in the facts is that before compression. */
  encode(entries: AsyncIterable<Entry>, signal: AbortSignal): Encoding<Facts>
  /** The whole, from its pieces and the bytes that end the archive. */
  join(fragments: readonly Fragment<Facts>[], end: Uint8Array): Content | Promise<Content>
}

/** Which files of a tree these are. */
export const BOOT_FILES: ReadonlyMap<string, keyof BootFiles> = new Map([
  ['boot/kernel', 'kernel'],
  ['boot/cmdline', 'cmdline'],
  ['boot/ucode.cpio', 'ucode'],
])

/** The kernel reads an archive to its end in units of 512 bytes only from tapes, but tools expect the padding. */
const ARCHIVE_BLOCK = 512

/**
 * The tree as a compressed cpio archive, with the boot files set aside and the rest of `boot/` left out.
 * @throws {LinuxkitError} when encoding: `compress/unavailable`, `archive/too-large`
 */
export function initrdEncoder<Facts extends { readonly size: number }>(compressor: InitrdCompressor<Facts>): Encoder<Facts, Initrd> {
  return {
    id: `initrd ${compressor.id}`,
    kept: true,
    tellsLine: false,
    encode: (part, context) => compressor.encode(archiveEntries(part, context), context.signal),
    async join(fragments) {
      const size = fragments.reduce((sum, { facts }) => sum + facts.size, 0)
      const last = (name: keyof BootFiles): Content => fragments.reduce((found, { aside }) => aside.get(name) ?? found, EMPTY)
      return {
        initrd: await compressor.join(fragments, archiveEnd(size)),
        kernel: last('kernel'),
        cmdline: last('cmdline'),
        ucode: last('ucode'),
      }
    },
  }
}

/**
 * What goes into the archive: the boot files are set aside, the rest of `boot/` is left out, and directories that a layer does not bring, or not in time, come before what is
 * in them: the kernel's unpacker makes none (init/initramfs.c, do_name).
 */
async function* archiveEntries(part: Pick<Part, 'entries' | 'present'>, context: EncodeContext): AsyncIterable<Entry> {
  const known = new Set<string>(['', '.', '/'])
  for (const path of part.present) for (const directory of directories(path)) known.add(directory.path)
  for await (const one of part.entries(context.signal)) {
    const name = BOOT_FILES.get(one.path)
    if (name !== undefined) await context.setAside(name, one.content.open())
    if (one.path.startsWith('boot/')) continue
    const path = one.path.replace(/\/$/, '')
    const parent = posix.dirname(path)
    if (!known.has(parent)) {
      for (const directory of directories(parent)) {
        if (known.has(directory.path)) continue
        known.add(directory.path)
        yield directory
      }
    }
    if (one.type === 'directory') known.add(path)
    yield one
  }
}

/** The trailer of an archive of so many bytes, and the zeros that fill it up. */
function archiveEnd(size: number): Uint8Array {
  const trailer = cpioTrailer()
  return Buffer.concat([trailer, new Uint8Array((ARCHIVE_BLOCK - ((size + trailer.length) % ARCHIVE_BLOCK)) % ARCHIVE_BLOCK)])
}
