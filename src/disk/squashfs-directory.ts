import { METADATA_SIZE } from './squashfs-metadata.js'

/** An inode that has been written, as a directory refers to it. */
export interface PlacedInode {
  readonly number: number
  /** Where it is in the inode table. */
  readonly block: number
  readonly offset: number
  readonly type: number
}

/** A name in a directory. */
export interface DirectoryName {
  readonly name: Buffer
  readonly inode: PlacedInode
}

/** Names that share a header. */
export interface DirectoryGroup {
  readonly bytes: Buffer
  readonly firstName: Buffer
}

/** Most names that a header counts (Linux, fs/squashfs/squashfs_fs.h, SQUASHFS_DIR_COUNT). */
const MOST_NAMES = 256

const HEADER_SIZE = 12
const ENTRY_SIZE = 8

/**
 * The listing of a directory. A header names a block of the inode table and an inode number, from which those of its names differ by 16 bits.
 * No group goes on after its metadata block is full, so that large directories can have an index.
 * @param names in the order of their bytes
 * @param offset of the listing in its metadata block
 */
export function* encodeListing(names: readonly DirectoryName[], offset: number): Iterable<DirectoryGroup> {
  let end = offset
  for (let next = 0; next < names.length;) {
    const first = names[next]
    if (first === undefined) return
    const group: DirectoryName[] = []
    let size = HEADER_SIZE
    const room = METADATA_SIZE - (end % METADATA_SIZE)
    for (let one: DirectoryName | undefined = first; one !== undefined && belongs(one.inode, first.inode); one = names[next]) {
      if (group.length === MOST_NAMES || (group.length > 0 && size >= room)) break
      group.push(one)
      size += ENTRY_SIZE + one.name.length
      next++
    }
    end += size
    yield { bytes: encodeGroup(group, first.inode, size), firstName: first.name }
  }
}

function belongs(inode: PlacedInode, first: PlacedInode): boolean {
  const distance = inode.number - first.number
  return inode.block === first.block && distance >= -0x8000 && distance <= 0x7fff
}

function encodeGroup(group: readonly DirectoryName[], first: PlacedInode, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32LE(group.length - 1)
  bytes.writeUInt32LE(first.block, 4)
  bytes.writeUInt32LE(first.number, 8)
  let at = HEADER_SIZE
  for (const { name, inode } of group) {
    bytes.writeUInt16LE(inode.offset, at)
    bytes.writeInt16LE(inode.number - first.number, at + 2)
    bytes.writeUInt16LE(inode.type, at + 4)
    bytes.writeUInt16LE(name.length - 1, at + 6)
    bytes.set(name, at + ENTRY_SIZE)
    at += ENTRY_SIZE + name.length
  }
  return bytes
}
