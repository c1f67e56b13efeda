import type { Entry } from '../archive/entry.js'
import { walk, type TreeNode } from '../archive/tree.js'
import { longs, words } from './little-endian.js'
import type { SquashfsCompressor } from './squashfs-compressor.js'
import { SquashfsData, type Fragment } from './squashfs-data.js'
import { SquashfsInodes } from './squashfs-inodes.js'
import { lookupTable } from './squashfs-metadata.js'
import { SquashfsXattrs } from './squashfs-xattrs.js'

export interface SquashfsOptions {
  readonly compressor: SquashfsCompressor
  /** When the file system was made, in seconds since 1970. */
  readonly time: number
  /** Of files, in bytes: a power of two from 4096 to 1 MiB; 128 KiB by default. */
  readonly blockSize?: number | undefined
}

/** A squashfs 4.0, but for its superblock, which says where everything is and is only known at the end. */
export interface Squashfs {
  /** All that comes after the superblock. Can be read once. */
  readonly body: AsyncIterable<Uint8Array>
  /** What comes first; to be called after {@link body} has been read to its end. */
  superblock(): Buffer
}

/** Linux mounts it from devices whose blocks are as large as this. */
const PADDED_TO = 4096

const SUPERBLOCK_SIZE = 96
const DEFAULT_BLOCK_SIZE = 1 << 17

/** Flags of a superblock (Linux, fs/squashfs/squashfs_fs.h, SQUASHFS_DUPLICATE and following). */
const DUPLICATES_SHARED = 1 << 6
const EXPORTABLE = 1 << 7
const WITHOUT_XATTRS = 1 << 9

/** Of a table that is not there. */
const ABSENT = 0xffffffffffffffffn

/** Where the tables of a file system are, and what they hold. */
interface Tables {
  readonly root: number
  readonly inodeCount: number
  readonly fragmentCount: number
  readonly idCount: number
  readonly size: number
  readonly inodes: number
  readonly directories: number
  readonly fragments: number
  readonly exports: number
  readonly ids: number
  readonly xattrs: number | undefined
}

/**
 * Writes a tree as a squashfs 4.0 (Linux, fs/squashfs/squashfs_fs.h). Contents of files are compressed a few blocks at a time, and nothing but
 * what is known about them stays in memory. The same tree gives the same bytes, as far as the compressor does.
 * @throws {LinuxkitError} from `body`: `disk/unsupported`, `disk/too-many-owners` for what the format has no place for
 */
export function squashfs(tree: TreeNode, options: SquashfsOptions): Squashfs {
  const { compressor, blockSize = DEFAULT_BLOCK_SIZE } = options
  if (!Number.isInteger(Math.log2(blockSize)) || blockSize < 1 << 12 || blockSize > 1 << 20) {
    throw new RangeError(`a squashfs cannot have blocks of ${blockSize} bytes`)
  }
  let tables: Tables | undefined

  async function* write(): AsyncIterable<Uint8Array> {
    let end = SUPERBLOCK_SIZE
    const data = new SquashfsData(compressor, blockSize)
    for await (const chunk of data.write(filesOf(tree), end)) {
      end += chunk.length
      yield chunk
    }
    const xattrs = new SquashfsXattrs(compressor)
    const writer = new SquashfsInodes(compressor, data.locations, xattrs)
    const root = await writer.write(tree)
    const { inodeTable, directoryTable } = await writer.finish()
    // Linux takes the end of each table for the beginning of the next one, hence the order.
    const pieces: Uint8Array[] = [inodeTable, directoryTable]
    const inodes = end
    const directories = inodes + inodeTable.length
    end = directories + directoryTable.length
    const add = ({ bytes, start }: { readonly bytes: Buffer; readonly start: number }): number => {
      pieces.push(bytes)
      end += bytes.length
      return start
    }
    const fragments = add(await lookupTable(encodeFragments(data.fragments), end, compressor))
    const exports = add(await lookupTable(longs(writer.references), end, compressor))
    const ids = add(await lookupTable(words(writer.ids), end, compressor))
    const counts = { inodeCount: writer.count, fragmentCount: data.fragments.length, idCount: writer.ids.length }
    const starts = { inodes, directories, fragments, exports, ids, xattrs: xattrs.isEmpty ? undefined : add(await xattrs.finish(end)) }
    tables = { root, ...counts, ...starts, size: end }
    yield* pieces
    yield Buffer.alloc((PADDED_TO - (end % PADDED_TO)) % PADDED_TO)
  }

  return {
    body: write(),
    superblock() {
      if (tables === undefined) throw new Error('the body has not been read to its end')
      return encodeSuperblock(tables, { ...options, blockSize })
    },
  }
}

function filesOf(tree: TreeNode): readonly Entry[] {
  const files = new Set<Entry>()
  for (const { node } of walk(tree)) if (node.entry.type === 'file' && node.entry.content.size > 0) files.add(node.entry)
  return [...files]
}

function encodeSuperblock(tables: Tables, { compressor, time, blockSize }: SquashfsOptions & { readonly blockSize: number }): Buffer {
  const block = Buffer.alloc(SUPERBLOCK_SIZE)
  block.write('hsqs', 'latin1')
  block.writeUInt32LE(tables.inodeCount, 4)
  block.writeUInt32LE(time, 8)
  block.writeUInt32LE(blockSize, 12)
  block.writeUInt32LE(tables.fragmentCount, 16)
  block.writeUInt16LE(compressor.id, 20)
  block.writeUInt16LE(Math.log2(blockSize), 22)
  block.writeUInt16LE(DUPLICATES_SHARED | EXPORTABLE | (tables.xattrs === undefined ? WITHOUT_XATTRS : 0), 24)
  block.writeUInt16LE(tables.idCount, 26)
  block.writeUInt16LE(4, 28)
  block.writeUInt16LE(0, 30)
  const longs = [tables.root, tables.size, tables.ids, tables.xattrs, tables.inodes, tables.directories, tables.fragments, tables.exports]
  for (const [index, value] of longs.entries()) block.writeBigUInt64LE(value === undefined ? ABSENT : BigInt(value), 32 + index * 8)
  return block
}

function encodeFragments(fragments: readonly Fragment[]): Buffer {
  const bytes = Buffer.alloc(fragments.length * 16)
  for (const [index, { start, size }] of fragments.entries()) {
    bytes.writeBigUInt64LE(BigInt(start), index * 16)
    bytes.writeUInt32LE(size, index * 16 + 8)
  }
  return bytes
}
