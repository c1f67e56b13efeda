import { createHash } from 'node:crypto'
import type { EntryType, Timestamp } from '../archive/entry.js'
import type { TreeNode } from '../archive/tree.js'
import { bytesContent, sliceContent, textContent, type Content } from '../base/content.js'
import { crc32c } from './crc32c.js'
import { BLOCK_SIZE, encodeDirectory } from './erofs-directory.js'
import { COMPACT_SIZE, EXTENDED_SIZE, INODE_UNIT, layOutErofs, namesOf, type ErofsInode, type ErofsLayout } from './erofs-layout.js'
import { encodeXattrs, xattrCount } from './erofs-xattrs.js'
import { extentsContent, type Extent } from './extents.js'
import { deviceNumber, unsupported } from './inode.js'

export interface ErofsOptions {
  /** When the file system was made. Inodes with the same time take less room. */
  readonly time: Timestamp
  /** What the UUID is made from: another one for every image. */
  readonly identity: string
}

/** Numbers of types in directories, and in the mode of an inode (stat(2), S_IFMT). */
const TYPES: Readonly<Partial<Record<EntryType, { readonly type: number; readonly mode: number }>>> = {
  file: { type: 1, mode: 0o100000 },
  directory: { type: 2, mode: 0o040000 },
  character: { type: 3, mode: 0o020000 },
  block: { type: 4, mode: 0o060000 },
  fifo: { type: 5, mode: 0o010000 },
  symlink: { type: 7, mode: 0o120000 },
}

const SUPERBLOCK_OFFSET = 1024
const SUPERBLOCK_SIZE = 128
const MAGIC = 0xe0f5e1e2
/** Features that a reader need not know: the superblock has a checksum, and times are those of modification. */
const WITH_CHECKSUM = 1
const WITH_MTIME = 2

/** In the format of an inode: the long form, and from bit 1 on where its bytes are: in blocks, or the last ones after the inode. */
const EXTENDED = 1
const INLINE = 2 << 1

/**
 * A tree as an erofs without compression (Linux, fs/erofs/erofs_fs.h). Its layout follows from names and sizes; contents are read when it is.
 * @throws {LinuxkitError} `disk/unsupported`, `disk/too-large` for what the format has no place for
 */
export function erofs(tree: TreeNode, { time, identity }: ErofsOptions): Content {
  const layout = layOutErofs(tree, time)
  const superblock = encodeSuperblock(layout, time, identity)
  function* extents(): Iterable<Extent> {
    yield { offset: SUPERBLOCK_OFFSET, content: bytesContent(superblock) }
    for (const inode of layout.inodes) {
      const head = Buffer.concat([encodeInode(inode), encodeXattrs(inode.node.entry)])
      yield { offset: inode.offset, content: bytesContent(head) }
      if (inode.inlineSize > 0) {
        yield {
          offset: inode.offset + head.length,
          content: sliceContent(bodyOf(inode, layout), inode.size - inode.inlineSize, inode.size),
        }
      }
    }
    for (const inode of layout.withBlocks) {
      yield { offset: inode.block * BLOCK_SIZE, content: sliceContent(bodyOf(inode, layout), 0, inode.size - inode.inlineSize) }
    }
  }
  return extentsContent(layout.blockCount * BLOCK_SIZE, extents)
}

function encodeSuperblock({ root, inodes, blockCount }: ErofsLayout, time: Timestamp, identity: string): Buffer {
  // The checksum covers the rest of the first block too, which is empty.
  const block = Buffer.alloc(BLOCK_SIZE - SUPERBLOCK_OFFSET)
  block.writeUInt32LE(MAGIC)
  block.writeUInt32LE(WITH_CHECKSUM | WITH_MTIME, 8)
  block.writeUInt8(Math.log2(BLOCK_SIZE), 12)
  block.writeUInt16LE(root.offset / INODE_UNIT, 14)
  block.writeBigUInt64LE(BigInt(inodes.length), 16)
  block.writeBigInt64LE(BigInt(time.seconds), 24)
  block.writeUInt32LE(time.nanoseconds, 32)
  block.writeUInt32LE(blockCount, 36)
  block.set(uuidOf(identity), 48)
  block.writeUInt32LE(crc32c(block), 4)
  return block.subarray(0, SUPERBLOCK_SIZE)
}

/** A UUID of version 8, whose bits are what its maker wants (RFC 9562, section 5.8). */
function uuidOf(identity: string): Buffer {
  const uuid = createHash('sha256').update(`erofs ${identity}`).digest().subarray(0, 16)
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80
  return uuid
}

function typeOf({ entry }: TreeNode): { readonly type: number; readonly mode: number } {
  const type = TYPES[entry.type]
  if (type === undefined) throw unsupported(entry, `a ${entry.type} is no inode`)
  return type
}

function encodeInode(inode: ErofsInode): Buffer {
  const { entry } = inode.node
  const isDevice = entry.type === 'character' || entry.type === 'block'
  const bytes = Buffer.alloc(inode.headSize)
  bytes.writeUInt16LE((inode.headSize === EXTENDED_SIZE ? EXTENDED : 0) | (inode.inlineSize > 0 ? INLINE : 0))
  bytes.writeUInt16LE(xattrCount(inode.xattrSize), 2)
  bytes.writeUInt16LE(typeOf(inode.node).mode | (entry.mode & 0o7777), 4)
  bytes.writeUInt32LE(isDevice ? deviceNumber(entry.device) : inode.block, 16)
  bytes.writeUInt32LE(inode.number, 20)
  if (inode.headSize === COMPACT_SIZE) {
    bytes.writeUInt16LE(inode.links, 6)
    bytes.writeUInt32LE(inode.size, 8)
    bytes.writeUInt16LE(entry.uid, 24)
    bytes.writeUInt16LE(entry.gid, 26)
  } else {
    bytes.writeBigUInt64LE(BigInt(inode.size), 8)
    bytes.writeUInt32LE(entry.uid, 24)
    bytes.writeUInt32LE(entry.gid, 28)
    bytes.writeBigInt64LE(BigInt(entry.mtime.seconds), 32)
    bytes.writeUInt32LE(entry.mtime.nanoseconds, 40)
    bytes.writeUInt32LE(inode.links, 44)
  }
  return bytes
}

/** The bytes that an inode stands for. */
function bodyOf({ node, parent }: ErofsInode, { byEntry }: ErofsLayout): Content {
  if (node.children === undefined) return node.entry.type === 'symlink' ? textContent(node.entry.link) : node.entry.content
  const names = namesOf(node, parent?.node ?? node).map(({ name, node: named }) => {
    const offset = byEntry.get(named.entry)?.offset ?? 0
    return { name, nid: offset / INODE_UNIT, type: typeOf(named).type }
  })
  return bytesContent(encodeDirectory(names))
}
