import { posix } from 'node:path'
import { EMPTY, textContent, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { StreamedContent } from './byte-reader.js'
import type { Piece } from './deflate-runs.js'
import type { Device, Entry, EntryType } from './entry.js'
import { paddedContent } from './padded-content.js'

/** File types in `st_mode` (inode(7)); hard links become symbolic ones. */
const TYPE_BITS: Readonly<Record<EntryType, number>> = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  hardlink: 0o120000,
}

/** As in LinuxKit's archives; nothing depends on them. */
const FIRST_INODE = 721
const DEVICE: Device = { major: 3, minor: 1 }

/** Fields have 32 bits. */
const LIMIT = 2 ** 32 - 1

/**
 * Writes entries as a cpio archive of the format newc (Linux, Documentation/driver-api/early-userspace/buffer-format.rst), without
 * its trailer, so that archives can be joined. The format has no place for owner names, extended attributes and PAX records.
 *
 * Inode numbers start anew with each call. That is safe because Linux (init/initramfs.c, maybe_link) uses them only for what has
 * two links or more and is no directory, and here nothing has: a hard link is written as a relative symbolic link.
 * @throws {LinuxkitError} `archive/too-large` for files of 4 GiB and more
 */
export function writeCpio(entries: AsyncIterable<Entry>): AsyncIterable<Uint8Array>
/** The same for who compresses the archive with deflate: files that are there as runs come as such. */
export function writeCpio(entries: AsyncIterable<Entry>, options: { readonly runs: true }): AsyncIterable<Piece>
export async function* writeCpio(entries: AsyncIterable<Entry>, { runs } = { runs: false }): AsyncIterable<Piece> {
  let inode = FIRST_INODE
  for await (const entry of entries) {
    const data = dataOf(entry)
    if (data.size > LIMIT) {
      throw new LinuxkitError(
        'archive/too-large',
        `"${entry.path}" has ${data.size} bytes, but files in a cpio archive are smaller than 4 GiB`,
      )
    }
    yield header(entry.path, {
      inode,
      mode: TYPE_BITS[entry.type] | entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      links: entry.type === 'directory' ? 2 : 1,
      mtime: Math.min(Math.max(entry.mtime.seconds, 0), LIMIT),
      size: data.size,
      rdev: entry.device,
    })
    const run = data instanceof StreamedContent && runs ? data.takeDeflated() : undefined
    if (run === undefined) yield* paddedContent(data, padding(data.size), entry.path)
    else {
      yield run
      yield new Uint8Array(padding(data.size))
    }
    inode += 1
  }
}

/** The entry that ends an archive; joined archives have one at their end. */
export function cpioTrailer(): Uint8Array {
  return header('TRAILER!!!', { inode: 0, mode: 0, uid: 0, gid: 0, links: 1, mtime: 0, size: 0, rdev: { major: 0, minor: 0 } })
}

function dataOf(entry: Entry): Content {
  switch (entry.type) {
    case 'file':
      return entry.content
    case 'symlink':
      return textContent(entry.link)
    case 'hardlink':
      return textContent(posix.relative(posix.join('/', posix.dirname(entry.path)), posix.join('/', entry.link)))
    default:
      return EMPTY
  }
}

interface HeaderFields {
  readonly inode: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly links: number
  readonly mtime: number
  readonly size: number
  readonly rdev: Device
}

/** Header and name, filled up to four bytes. */
function header(name: string, { inode, mode, uid, gid, links, mtime, size, rdev }: HeaderFields): Buffer {
  const nameBytes = Buffer.from(`${name}\0`)
  const checksum = 0
  const numbers = [
    inode,
    mode,
    uid,
    gid,
    links,
    mtime,
    size,
    DEVICE.major,
    DEVICE.minor,
    rdev.major,
    rdev.minor,
    nameBytes.length,
    checksum,
  ]
  const fields = Buffer.from(`070701${numbers.map((number) => number.toString(16).toUpperCase().padStart(8, '0')).join('')}`)
  return Buffer.concat([fields, nameBytes, Buffer.alloc(padding(fields.length + nameBytes.length))])
}

function padding(size: number): number {
  return (4 - (size % 4)) % 4
}
