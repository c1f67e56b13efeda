import { promisify } from 'node:util'
import { constants, crc32, deflateRaw } from 'node:zlib'
import { combineCrc32 } from './crc32.js'
import { isBytes, type Piece } from './deflate-runs.js'

/** What is known of a fragment once it has been read to its end. */
export interface DeflateResult {
  /** CRC-32 of the bytes before compression. */
  readonly crc32: number
  /** Bytes before compression. */
  readonly size: number
  readonly compressedSize: number
}

/** A run of deflate blocks that ends on a byte boundary and refers to nothing before it: such runs can be joined in any order. */
export interface DeflateFragment {
  /** Can be read once. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** To be called after {@link chunks} have been read to their end. */
  result(): DeflateResult
}

/** Header of a gzip member (RFC 1952, section 2.3): deflate, no name, no time, unknown operating system. */
export const GZIP_HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)

/** A last deflate block with nothing in it (RFC 1951, section 3.2.6: fixed codes, end of block). */
const LAST_BLOCK = [0x03, 0x00]

/** Bytes of {@link gzipTrailer}. */
export const GZIP_TRAILER_SIZE = LAST_BLOCK.length + 8

/** Bytes that are compressed as one piece of work, and how far back a piece may refer (RFC 1951, section 2). */
const BLOCK_SIZE = 1 << 20
const WINDOW_SIZE = 1 << 15

/** As many as libuv has threads (UV_THREADPOOL_SIZE). The output does not depend on it. */
const IN_FLIGHT = 4

/** So few bytes between two runs are not worth the work of compressing them. */
const SHORT = 256

/**
 * Compresses a stream in pieces on the threads of libuv, a few at a time and in order; runs that are deflated already are taken as they are.
 * @param level 0 (none) to 9 (best)
 * @param short up to so many bytes that stand alone are stored as they are
 */
export function deflateFragment(source: AsyncIterable<Piece>, level: number, short = SHORT): DeflateFragment {
  let crc = 0
  let size = 0
  let compressedSize = 0
  let finished = false

  async function* compress(): AsyncIterable<Uint8Array> {
    const inFlight: (Uint8Array | Promise<Uint8Array>)[] = []
    let dictionary: Uint8Array | undefined
    for await (const piece of blocks(source)) {
      if (isBytes(piece)) {
        crc = crc32(piece, crc)
        size += piece.length
        const alone = dictionary === undefined && piece.length <= short
        const compressed = alone ? storedBlock(piece) : compressBlock(piece, level, dictionary)
        // Awaited below; until then a failure must not count as unhandled.
        if (compressed instanceof Promise) compressed.catch(() => {})
        inFlight.push(compressed)
        dictionary = piece.subarray(-WINDOW_SIZE)
        if (inFlight.length === IN_FLIGHT) yield* next(inFlight)
        continue
      }
      while (inFlight.length > 0) yield* next(inFlight)
      for await (const chunk of piece.chunks) {
        compressedSize += chunk.length
        yield chunk
      }
      crc = combineCrc32(crc, piece.crc32, piece.size)
      size += piece.size
      dictionary = undefined
    }
    while (inFlight.length > 0) yield* next(inFlight)
    finished = true
  }

  async function* next(inFlight: (Uint8Array | Promise<Uint8Array>)[]): AsyncIterable<Uint8Array> {
    const chunk = await inFlight.shift()
    if (chunk === undefined) return
    compressedSize += chunk.length
    yield chunk
  }

  return {
    chunks: compress(),
    result() {
      if (!finished) throw new Error('the fragment has not been read to its end')
      return { crc32: crc, size, compressedSize }
    },
  }
}

/** A block as deflate blocks that end on a byte boundary. Without a dictionary they refer to nothing before them. */
function compressBlock(block: Uint8Array, level: number, dictionary: Uint8Array | undefined): Promise<Uint8Array> {
  return promisify<Uint8Array, Parameters<typeof deflateRaw>[1], Buffer>(deflateRaw)(block, {
    level,
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(dictionary && { dictionary }),
  })
}

/** A block that is not compressed (RFC 1951, section 3.2.4); at most 65535 bytes. */
function storedBlock(bytes: Uint8Array): Uint8Array {
  const block = Buffer.allocUnsafe(5 + bytes.length)
  block[0] = 0
  block.writeUInt16LE(bytes.length, 1)
  block.writeUInt16LE(~bytes.length & 0xffff, 3)
  block.set(bytes, 5)
  return block
}

/** A few bytes as a fragment, without the work of compressing them; at most 65535. */
export function storedFragment(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly result: DeflateResult } {
  const block = storedBlock(bytes)
  return { bytes: block, result: { crc32: crc32(bytes), size: bytes.length, compressedSize: block.length } }
}

/**
 * What blocks hold that are not compressed, as slices of the blocks; undefined when one of them is. Encoders store what does not get smaller, such as modules that are
 * compressed already.
 */
export function storedBytes(blocks: Buffer): readonly Buffer[] | undefined {
  const pieces: Buffer[] = []
  for (let at = 0; at < blocks.length;) {
    if (at + 5 > blocks.length || blocks[at] !== 0) return undefined
    const length = blocks.readUInt16LE(at + 1)
    const end = at + 5 + length
    if (blocks.readUInt16LE(at + 3) !== (~length & 0xffff) || end > blocks.length) return undefined
    if (length > 0) pieces.push(blocks.subarray(at + 5, end))
    at = end
  }
  return pieces
}

/** What comes after the fragments of a gzip member: the last deflate block, the CRC-32 and the size (RFC 1952, section 2.3.1). */
export function gzipTrailer(parts: readonly Pick<DeflateResult, 'crc32' | 'size'>[]): Uint8Array {
  const trailer = Buffer.from([...LAST_BLOCK, 0, 0, 0, 0, 0, 0, 0, 0])
  trailer.writeUInt32LE(
    parts.reduce((crc, part) => combineCrc32(crc, part.crc32, part.size), 0),
    2,
  )
  trailer.writeUInt32LE(parts.reduce((size, part) => size + part.size, 0) % 2 ** 32, 6)
  return trailer
}

/**
 * Compresses a stream into one gzip member.
 * @param level 0 (none) to 9 (best)
 */
export async function* gzip(source: AsyncIterable<Piece>, level: number): AsyncIterable<Uint8Array> {
  const fragment = deflateFragment(source, level)
  yield GZIP_HEADER
  yield* fragment.chunks
  yield gzipTrailer([fragment.result()])
}

/**
 * The stream anew in pieces of {@link BLOCK_SIZE}, so that the output does not depend on how the source was cut; before a run and at the end they are shorter.
 */
async function* blocks(source: AsyncIterable<Piece>): AsyncIterable<Piece> {
  let block = Buffer.allocUnsafe(BLOCK_SIZE)
  let filled = 0
  for await (const piece of source) {
    if (!isBytes(piece)) {
      if (filled > 0) yield block.subarray(0, filled)
      block = Buffer.allocUnsafe(BLOCK_SIZE)
      filled = 0
      yield piece
      continue
    }
    for (let start = 0; start < piece.length;) {
      const cut = piece.subarray(start, start + BLOCK_SIZE - filled)
      block.set(cut, filled)
      filled += cut.length
      start += cut.length
      if (filled < BLOCK_SIZE) continue
      yield block
      block = Buffer.allocUnsafe(BLOCK_SIZE)
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}
