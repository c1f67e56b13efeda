import { longs } from './little-endian.js'
import type { SquashfsCompressor } from './squashfs-compressor.js'

/** Metadata is compressed in blocks of so many bytes (Linux, fs/squashfs/squashfs_fs.h, SQUASHFS_METADATA_SIZE). */
export const METADATA_SIZE = 8192

/** In the 16 bits before a block: its bytes are as they were. */
const STORED = 0x8000

/** Where a byte of a metadata stream is: where its block starts in the compressed stream, and which byte of that it is. */
export interface MetadataPosition {
  readonly block: number
  readonly offset: number
}

/** The position as one number, as inodes and tables refer to it. Too wide for operators on bits. */
export function reference({ block, offset }: MetadataPosition): number {
  return block * 0x10000 + offset
}

/** A stream of metadata, in memory. */
export class MetadataWriter {
  readonly #compressor: SquashfsCompressor
  readonly #blocks: Uint8Array[] = []
  readonly #starts: number[] = []
  #size = 0
  readonly #buffer = Buffer.alloc(METADATA_SIZE)
  #filled = 0

  constructor(compressor: SquashfsCompressor) {
    this.#compressor = compressor
  }

  /** Of the byte that is written next. */
  get position(): MetadataPosition {
    return { block: this.#size, offset: this.#filled }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length;) {
      const piece = bytes.subarray(start, start + METADATA_SIZE - this.#filled)
      this.#buffer.set(piece, this.#filled)
      this.#filled += piece.length
      start += piece.length
      if (this.#filled === METADATA_SIZE) await this.#flush()
    }
  }

  /** Ends the stream. @returns it, and where its blocks start */
  async finish(): Promise<{ readonly bytes: Buffer; readonly starts: readonly number[] }> {
    if (this.#filled > 0) await this.#flush()
    return { bytes: Buffer.concat(this.#blocks, this.#size), starts: this.#starts }
  }

  async #flush(): Promise<void> {
    const block = this.#buffer.subarray(0, this.#filled)
    const compressed = await this.#compressor.compress(block)
    const isSmaller = compressed.length < block.length
    const data = isSmaller ? compressed : Buffer.from(block)
    const header = Buffer.alloc(2)
    header.writeUInt16LE(data.length | (isSmaller ? 0 : STORED))
    this.#starts.push(this.#size)
    this.#blocks.push(header, data)
    this.#size += header.length + data.length
    this.#filled = 0
  }
}

/** A table that is looked into by index: its metadata blocks, and after them where each of them is. */
export interface LookupTable {
  readonly bytes: Buffer
  /** Where the list of blocks starts, from the beginning of the file system. */
  readonly start: number
}

/**
 * @param records one after another, all of one size, which divides the size of a metadata block
 * @param at where the table is put, from the beginning of the file system
 * @param header of the list of blocks
 */
export async function lookupTable(
  records: Uint8Array,
  at: number,
  compressor: SquashfsCompressor,
  header: Uint8Array = new Uint8Array(),
): Promise<LookupTable> {
  const writer = new MetadataWriter(compressor)
  await writer.write(records)
  const { bytes, starts } = await writer.finish()
  const list = longs(starts.map((start) => at + start))
  return { bytes: Buffer.concat([bytes, header, list]), start: at + bytes.length }
}
