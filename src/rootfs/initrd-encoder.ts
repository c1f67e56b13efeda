import { posix } from 'node:path'
import { bytesContent, concatContents, EMPTY, readAll, type Content } from '../base/content.js'
import { cpioTrailer, writeCpio } from '../archive/cpio.js'
import type { Entry } from '../archive/entry.js'
import { deflateFragment, GZIP_HEADER, gzipTrailer, type DeflateResult } from '../archive/gzip.js'
import { directories } from './image-tree.js'
import type { EncodeContext, Encoder } from './encoder.js'

/** What a boot loader takes beside the initrd. Each is empty when no part brings it. */
export interface BootFiles {
  readonly kernel: Content
  readonly cmdline: Content
  readonly ucode: Content
}

/** A tree split into what a kernel is booted with. */
export interface Initrd extends BootFiles {
  /** One gzip member that holds one cpio archive. */
  readonly initrd: Content
}

/** Which files of a tree these are. */
export const BOOT_FILES: Readonly<Record<string, keyof BootFiles>> = {
  'boot/kernel': 'kernel',
  'boot/cmdline': 'cmdline',
  'boot/ucode.cpio': 'ucode',
}

/** The kernel reads an archive to its end in units of 512 bytes only from tapes, but tools expect the padding. */
const ARCHIVE_BLOCK = 512

/**
 * The tree as a compressed cpio archive, with the boot files set aside and the rest of `boot/` left out.
 * @param level of compression, 1 to 9
 */
export function initrdEncoder(level: number): Encoder<DeflateResult, Initrd> {
  return {
    // Node's zlib makes other bytes in other versions, and on other processors.
    id: `initrd gzip ${level} zlib ${process.versions.zlib} ${process.arch}`,
    kept: true,
    encode(part, context) {
      const deflated = deflateFragment(writeCpio(withParents(withoutBoot(part.entries(context.signal), context))), level)
      return { bytes: deflated.chunks, facts: () => deflated.result() }
    },
    async join(fragments) {
      const size = fragments.reduce((sum, { facts }) => sum + facts.size, 0)
      const trailer = deflateFragment(archiveEnd(size), level)
      const end = bytesContent(await readAll(trailer.chunks, 1 << 16))
      const deflated = [...fragments.map(({ facts }) => facts), trailer.result()]
      const last = (name: keyof BootFiles): Content => fragments.reduce((found, { aside }) => aside.get(name) ?? found, EMPTY)
      return {
        initrd: concatContents([
          bytesContent(GZIP_HEADER),
          ...fragments.map(({ content }) => content),
          end,
          bytesContent(gzipTrailer(deflated)),
        ]),
        kernel: last('kernel'),
        cmdline: last('cmdline'),
        ucode: last('ucode'),
      }
    },
  }
}

/** The kernel's unpacker makes no directories above an entry (init/initramfs.c, do_name), and not every layer brings them, or in time. */
async function* withParents(entries: AsyncIterable<Entry>): AsyncIterable<Entry> {
  const known = new Set<string>(['', '.', '/'])
  for await (const one of entries) {
    const path = one.path.replace(/\/$/, '')
    for (const directory of directories(posix.dirname(path))) {
      if (known.has(directory.path)) continue
      known.add(directory.path)
      yield directory
    }
    if (one.type === 'directory') known.add(path)
    yield one
  }
}

async function* withoutBoot(entries: AsyncIterable<Entry>, context: EncodeContext): AsyncIterable<Entry> {
  for await (const one of entries) {
    const name = BOOT_FILES[one.path]
    if (name !== undefined) await context.setAside(name, one.content.open())
    else if (!one.path.startsWith('boot/')) yield one
  }
}

async function* archiveEnd(size: number): AsyncIterable<Uint8Array> {
  const trailer = cpioTrailer()
  yield trailer
  yield new Uint8Array((ARCHIVE_BLOCK - ((size + trailer.length) % ARCHIVE_BLOCK)) % ARCHIVE_BLOCK)
}
