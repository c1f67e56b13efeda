import { createHash } from 'node:crypto'
import type { Entry } from '../archive/entry.js'
import { inBlocks } from '../base/blocks.js'
import { readContent } from '../base/content.js'
import { inOrder } from '../base/parallel.js'
import type { SquashfsCompressor } from './squashfs-compressor.js'

/** Where the bytes of a file are. */
export interface FileLocation {
  /** Of its first block, from the beginning of the file system. */
  start: number
  /** Size of each block on disk, as an inode has it; zero is a hole. */
  readonly blocks: number[]
  /** The fragment block that has what is left after the last whole block, and where in it, uncompressed. */
  fragment: number
  fragmentOffset: number
  /** Bytes of the file that are holes. */
  holes: number
}

/** A block of ends of files. */
export interface Fragment {
  readonly start: number
  readonly size: number
}

/** A block to be written: once it is, `placed` is told where, and with which size as inodes and tables have it. */
interface Job {
  readonly bytes: Uint8Array
  readonly placed: (start: number, size: number) => void
}

export const NO_FRAGMENT = 0xffffffff

/** In the size of a block: its bytes are as they were (Linux, fs/squashfs/squashfs_fs.h, SQUASHFS_COMPRESSED_BIT_BLOCK). */
const STORED = 1 << 24

/** One less than libuv has threads, so that files are still read while blocks are compressed. The output does not depend on it. */
const COMPRESSED_AT_ONCE = 3

/** Files of at most one block are read ahead, as reading one takes several trips to the disk. */
const READ_AHEAD = 8

/**
 * Writes the contents of files: whole blocks, the ends of files gathered in fragments, blocks of zeros as holes, and the same content once.
 * What it has noted may be asked for when the stream has been read to its end.
 */
export class SquashfsData {
  readonly locations = new Map<Entry, FileLocation>()
  readonly fragments: Fragment[] = []
  readonly #compressor: SquashfsCompressor
  readonly #blockSize: number
  readonly #zeros: Buffer
  /** By digest, of files that are as long as another one. */
  readonly #written = new Map<string, FileLocation>()
  #gathered: Buffer
  #filled = 0
  #fragmentCount = 0

  constructor(compressor: SquashfsCompressor, blockSize: number) {
    this.#compressor = compressor
    this.#blockSize = blockSize
    this.#zeros = Buffer.alloc(blockSize)
    this.#gathered = Buffer.allocUnsafe(blockSize)
  }

  /** @param start where the stream is put, from the beginning of the file system */
  async *write(files: readonly Entry[], start: number): AsyncIterable<Uint8Array> {
    let position = start
    for await (const { data, size, placed } of inOrder(this.#jobs(files), COMPRESSED_AT_ONCE, (job) => this.#compress(job))) {
      placed(position, size)
      position += data.length
      yield data
    }
  }

  async #compress({ bytes, placed }: Job) {
    const compressed = await this.#compressor.compress(bytes)
    return compressed.length < bytes.length
      ? { data: compressed, size: compressed.length, placed }
      : { data: bytes, size: bytes.length | STORED, placed }
  }

  async *#jobs(files: readonly Entry[]): AsyncIterable<Job> {
    const shared = sharedSizes(files)
    const read = async (file: Entry) => ({
      file,
      bytes: file.content.size <= this.#blockSize ? await readContent(file.content) : undefined,
    })
    for await (const { file, bytes } of inOrder(files, READ_AHEAD, read)) {
      const open = (): AsyncIterable<Uint8Array> | readonly Uint8Array[] => (bytes === undefined ? file.content.open() : [bytes])
      const key = shared.has(file.content.size) ? await digest(open()) : undefined
      const known = key === undefined ? undefined : this.#written.get(key)
      const location = known ?? { start: 0, blocks: [], fragment: NO_FRAGMENT, fragmentOffset: 0, holes: 0 }
      this.locations.set(file, location)
      if (known !== undefined) continue
      if (key !== undefined) this.#written.set(key, location)
      yield* this.#file(file, open(), location)
    }
    if (this.#filled > 0) yield this.#endFragment()
  }

  async *#file(
    { path, content }: Entry,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    location: FileLocation,
  ): AsyncIterable<Job> {
    let read = 0
    for await (const block of inBlocks(source, this.#blockSize)) {
      read += block.length
      if (this.#zeros.subarray(0, block.length).equals(block)) {
        location.blocks.push(0)
        location.holes += block.length
      } else if (block.length === this.#blockSize) {
        const index = location.blocks.push(0) - 1
        yield {
          bytes: block,
          placed: (start, size) => {
            if (location.start === 0) location.start = start
            location.blocks[index] = size
          },
        }
      } else {
        if (this.#filled + block.length > this.#blockSize) yield this.#endFragment()
        location.fragment = this.#fragmentCount
        location.fragmentOffset = this.#filled
        this.#gathered.set(block, this.#filled)
        this.#filled += block.length
      }
    }
    if (read !== content.size) throw new Error(`"${path}" has ${read} bytes instead of ${content.size}`)
  }

  #endFragment(): Job {
    const bytes = this.#gathered.subarray(0, this.#filled)
    const index = this.#fragmentCount++
    this.#gathered = Buffer.allocUnsafe(this.#blockSize)
    this.#filled = 0
    return {
      bytes,
      placed: (start, size) => {
        this.fragments[index] = { start, size }
      },
    }
  }
}

/** Only files of these sizes can be the same as others. */
function sharedSizes(files: readonly Entry[]): ReadonlySet<number> {
  const seen = new Set<number>()
  const shared = new Set<number>()
  for (const { content } of files) {
    if (seen.has(content.size)) shared.add(content.size)
    seen.add(content.size)
  }
  return shared
}

async function digest(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of source) hash.update(chunk)
  // The shortest form that a string has in memory.
  return hash.digest().toString('latin1')
}
