import { ByteReader } from './byte-reader.js'
import type { RunPlace } from './deflate-runs.js'
import { deflateFragment, GZIP_HEADER, gzipTrailer, type DeflateResult } from './gzip.js'
import { BLOCK_SIZE, isHeader, padding, parseHeader } from './tar-header.js'

/** Files smaller than this are compressed together: a run of its own costs a small file more than it saves. */
const SMALLEST_RUN = 1 << 13

/** What is between two large files is most often one header and what fills up the file before it; the reader is faster where that is stored. */
const SHORT = 2 * BLOCK_SIZE

/** A tar archive as it is compressed. */
export interface GzippedTar {
  /** Can be read once. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** To be called after {@link chunks} have been read to their end. */
  runs(): readonly RunPlace[]
}

/**
 * Compresses a tar archive into one gzip member in which every larger file is a run of deflate blocks of its own, those of archives within the archive too
 * (a kernel image holds its modules as one).
 * @param level 1 to 9
 */
export function gzipTar(source: AsyncIterable<Uint8Array>, level: number): GzippedTar {
  const runs: RunPlace[] = []
  async function* compress(): AsyncIterable<Uint8Array> {
    yield GZIP_HEADER
    const splitter = new TarSplitter(source)
    const done: DeflateResult[] = []
    let offset = 0
    let compressedOffset = GZIP_HEADER.length
    try {
      while (!splitter.ended) {
        for (const piece of ['between', 'file'] as const) {
          const fragment = deflateFragment(splitter[piece](), level, SHORT)
          yield* fragment.chunks
          const { size, compressedSize, crc32 } = fragment.result()
          if (piece === 'file' && size > 0) runs.push({ offset, size, compressedOffset, compressedSize, crc32 })
          done.push({ size, compressedSize, crc32 })
          offset += size
          compressedOffset += compressedSize
        }
      }
      yield gzipTrailer(done)
    } finally {
      await splitter.close()
    }
  }
  return { chunks: compress(), runs: () => runs }
}

/** Takes an archive apart into its larger files and what is between them. What is not an archive is one piece. */
class TarSplitter {
  readonly #reader: ByteReader
  /** Of the file that comes next. */
  #size = 0
  ended = false

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#reader = new ByteReader(source)
  }

  close(): Promise<void> {
    return this.#reader.close()
  }

  /** What fills up the file before, headers, and small files, up to the next large one. */
  async *between(): AsyncIterable<Uint8Array> {
    yield* this.#take(padding(this.#size))
    this.#size = 0
    for (;;) {
      const block = await this.#reader.read(BLOCK_SIZE)
      if (block.length > 0) yield block
      if (block.length < BLOCK_SIZE) {
        this.ended = true
        return
      }
      if (!isHeader(block)) continue
      const { size, typeflag } = parseHeader(block)
      const isFile = '\u{0}07'.includes(typeflag)
      if (!isFile || size < SMALLEST_RUN) yield* this.#take(size + padding(size))
      // The files of an archive in the archive are met one by one.
      else if (!isHeader(await this.#reader.peek(BLOCK_SIZE))) {
        this.#size = size
        return
      }
    }
  }

  file(): AsyncIterable<Uint8Array> {
    return this.#take(this.#size)
  }

  async *#take(size: number): AsyncIterable<Uint8Array> {
    for (let left = size; left > 0;) {
      const piece = await this.#reader.some(left)
      if (piece === undefined) return
      left -= piece.length
      yield piece
    }
  }
}
