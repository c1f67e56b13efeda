import type { Entry, Timestamp } from '../archive/entry.js'
import type { TreeNode } from '../archive/tree.js'
import { LinuxkitError } from '../base/errors.js'
import { BLOCK_SIZE, directorySize } from './erofs-directory.js'
import { encodeXattrs } from './erofs-xattrs.js'
import { checkInode, countLinks, directoryLinks } from './inode.js'

/** An inode and where it is. */
export interface ErofsInode {
  readonly node: TreeNode
  /** The directory in which it was found first; undefined for the root. */
  readonly parent: ErofsInode | undefined
  /** From 1. */
  readonly number: number
  readonly links: number
  /** Bytes of the inode itself. */
  readonly headSize: number
  /** Bytes of its extended attributes, which follow the inode. */
  readonly xattrSize: number
  /** Bytes of the file, the directory or the target of the link. */
  readonly size: number
  /** Of those the last ones that follow the attributes, and are in no block of their own. */
  readonly inlineSize: number
  /** Where the inode is, in bytes. */
  offset: number
  /** Where the rest of its bytes are, in blocks; 0 without any. */
  block: number
}

export interface ErofsLayout {
  readonly root: ErofsInode
  /** In the order of their places. */
  readonly inodes: readonly ErofsInode[]
  /** Those with blocks, in the order of these. */
  readonly withBlocks: readonly ErofsInode[]
  readonly byEntry: ReadonlyMap<Entry, ErofsInode>
  /** Of the file system. */
  readonly blockCount: number
}

/** Sizes of inodes (Linux, fs/erofs/erofs_fs.h, struct erofs_inode_compact and erofs_inode_extended). */
export const COMPACT_SIZE = 32
export const EXTENDED_SIZE = 64

/** Inodes begin at multiples of this, which is also the unit of their numbers in directories. */
export const INODE_UNIT = 32

const UNITS = BLOCK_SIZE / INODE_UNIT

/** Blocks are counted in 32 bits. */
const MOST_BLOCKS = 0xffffffff

/** The first block has the superblock and is covered by its checksum, so it has no bytes of files. */
const FIRST_INODE_BLOCK = 1

/** Places inodes and blocks; no content is read. @param time that the superblock has, which compact inodes share */
export function layOutErofs(tree: TreeNode, time: Timestamp): ErofsLayout {
  const byEntry = new Map<Entry, ErofsInode>()
  const root = collect(tree, undefined, { time, links: countLinks(tree), byEntry })
  const inodes = [...byEntry.values()]
  let next = placeInodes(inodes)
  const withBlocks: ErofsInode[] = []
  // Directories come first and so are near the inodes.
  for (const wantsDirectories of [true, false]) {
    for (const inode of inodes) {
      const count = Math.ceil((inode.size - inode.inlineSize) / BLOCK_SIZE)
      if (count === 0 || (inode.node.children !== undefined) !== wantsDirectories) continue
      inode.block = next
      next += count
      withBlocks.push(inode)
    }
  }
  if (next > MOST_BLOCKS)
    throw new LinuxkitError('disk/too-large', `an erofs has room for ${MOST_BLOCKS * BLOCK_SIZE} bytes, and the tree has more`)
  return { root, inodes: inodes.sort((a, b) => a.offset - b.offset), withBlocks, byEntry, blockCount: next }
}

/** The names in a directory in the order of their bytes, each with what it names. */
export function namesOf(self: TreeNode, parent: TreeNode): readonly { readonly name: Buffer; readonly node: TreeNode }[] {
  const names = (self.children ?? []).map((node) => ({ name: Buffer.from(node.name), node }))
  names.push({ name: Buffer.from('.'), node: self }, { name: Buffer.from('..'), node: parent })
  return names.sort((a, b) => Buffer.compare(a.name, b.name))
}

interface Collected {
  readonly time: Timestamp
  readonly links: ReadonlyMap<Entry, number>
  readonly byEntry: Map<Entry, ErofsInode>
}

/** Adds the inodes of a tree, a directory before what is in it. */
function collect(node: TreeNode, parent: ErofsInode | undefined, collected: Collected): ErofsInode {
  const { entry, children } = node
  const known = collected.byEntry.get(entry)
  if (known !== undefined) return known
  checkInode(node)
  const links = children === undefined ? (collected.links.get(entry) ?? 1) : directoryLinks(children)
  const size = sizeOf(node)
  const headSize = isCompact(entry, collected.time, size, links) ? COMPACT_SIZE : EXTENDED_SIZE
  const xattrSize = encodeXattrs(entry).length
  const tail = size % BLOCK_SIZE
  const inlineSize = headSize + xattrSize + tail <= BLOCK_SIZE ? tail : 0
  const inode = { node, parent, number: collected.byEntry.size + 1, links, headSize, xattrSize, size, inlineSize, offset: 0, block: 0 }
  collected.byEntry.set(entry, inode)
  for (const child of children ?? []) collect(child, inode, collected)
  return inode
}

function sizeOf(node: TreeNode): number {
  if (node.children !== undefined) return directorySize(namesOf(node, node).map(({ name }) => name))
  return node.entry.type === 'symlink' ? Buffer.byteLength(node.entry.link) : node.entry.content.size
}

/** Whether the short form of an inode can say it all. */
function isCompact({ uid, gid, mtime }: Entry, time: Timestamp, size: number, links: number): boolean {
  const isThen = mtime.seconds === time.seconds && mtime.nanoseconds === time.nanoseconds
  return isThen && Math.max(uid, gid, links) <= 0xffff && size <= 0xffffffff
}

/**
 * Gives inodes their places: each in the fullest block that has room for it with what follows it, as the end of a file must not cross from one
 * block into the next. The first one, the root, comes first, as its number has only 16 bits.
 * @returns the block after them
 */
function placeInodes(inodes: readonly ErofsInode[]): number {
  /** Blocks by how many units they have free. */
  const withRoom: number[][] = Array.from({ length: UNITS }, () => [])
  let next = FIRST_INODE_BLOCK
  for (const inode of inodes) {
    const units = Math.ceil((inode.headSize + inode.xattrSize + inode.inlineSize) / INODE_UNIT)
    let free = units
    while (free < withRoom.length && withRoom[free]?.length === 0) free++
    let block = withRoom[free]?.pop()
    if (block === undefined) {
      block = next
      free = Math.ceil(units / UNITS) * UNITS
      next += free / UNITS
    }
    // Of an inode that has several blocks, the last one may have room; the others have not.
    const lastBlock = block + Math.ceil(units / UNITS) - 1
    inode.offset = block * BLOCK_SIZE + (units > UNITS ? 0 : UNITS - free) * INODE_UNIT
    if (free > units) withRoom[free - units]?.push(lastBlock)
  }
  return next
}
