import { promisify } from 'node:util'
import { deflate } from 'node:zlib'

/** Compresses the blocks of a squashfs, each by itself. */
export interface SquashfsCompressor {
  /** As the superblock has it (Linux, fs/squashfs/squashfs_fs.h: 1 zlib, 6 zstd). */
  readonly id: number
  /** Names the compressor, its level and whatever else its bytes depend on, for keys of caches. */
  readonly name: string
  /** The result may be longer than the block, which is then stored as it is. The same block always gives the same bytes. */
  compress(block: Uint8Array): Promise<Uint8Array>
}

/** zlib's own bound of how much a stream can grow, generously: output that fits one chunk takes one trip to a thread. */
const bound = (size: number): number => size + (size >> 10) + 64

/**
 * On the threads of libuv.
 * @param level 1 to 9
 */
export function zlibCompressor(level: number): SquashfsCompressor {
  const deflateBlock = promisify<Uint8Array, Parameters<typeof deflate>[1], Buffer>(deflate)
  return {
    id: 1,
    // Node's zlib makes other bytes in other versions, and on other processors.
    name: `gzip ${level} zlib ${process.versions.zlib} ${process.arch}`,
    compress: (block) => deflateBlock(block, { level, chunkSize: bound(block.length) }),
  }
}
