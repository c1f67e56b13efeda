import { inOrder } from '../base/parallel.js'
import { rawBlocks, takeBlocks } from './zstd-blocks.js'
import { frameCompressor, type CompressFrame } from './zstd-library.js'
import { firstUnknownMatch, type UnknownMatch } from './zstd-offsets.js'
import { firstRun, matchBlock, resets, runBlocks } from './zstd-run.js'

/**
 * Bytes that are compressed as one piece of work. The encoder works on two thirds of what the processor's cache holds, and so takes half the time that it takes for
 * several megabytes, for one percent in size.
 */
export const PIECE_SIZE = 1 << 20

/** As many as libuv has threads. The output does not depend on it. */
const IN_FLIGHT = 4

/** Of a piece that depends on the beginning of its frame even after so many attempts the rest is not compressed. */
const ATTEMPTS = 4

/** A piece that is as short is not worth loading the encoder for, which takes longer than all else that is done with it. */
const SHORT = 1 << 14

/** From the next level on the encoder searches for the cheapest sequences (zstd, lib/compress/zstd_opt.c), and those nearly always begin with the offsets that a frame begins with. */
const LAST_LAZY_LEVEL = 15

/** Magic number, a descriptor without content size and checksum, and a window of {@link PIECE_SIZE} (RFC 8878, section 3.1.1.1). */
const FRAME_HEADER: Uint8Array = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, (Math.log2(PIECE_SIZE) - 10) << 3)

/** The last block: a raw one with nothing in it. */
const LAST_BLOCK: Uint8Array = Uint8Array.of(1, 0, 0)

/** A frame as it is made. */
export interface ZstdFrame {
  /** Can be read once. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** Bytes before compression; to be asked for after {@link chunks} have been read to their end. */
  size(): number
}

/**
 * Compresses a stream into one frame, in pieces on the threads of libuv, a few at a time and in order. The encoder makes a frame of each piece, and the blocks of
 * all make one: with a window as large as a piece it can be unpacked in a few megabytes, whatever its size.
 * @param level 1 to 22
 * @throws {LinuxkitError} when reading: `compress/unavailable`
 */
export function zstdFrame(source: AsyncIterable<Uint8Array>, level: number): ZstdFrame {
  let size = 0
  async function* compress(): AsyncIterable<Uint8Array> {
    let compressors: Promise<Compressors> | undefined
    const compressNext = async (piece: Buffer): Promise<readonly Uint8Array[]> => {
      const first = size === 0
      size += piece.length
      if (piece.length <= SHORT) {
        const short = Buffer.from(piece)
        giveBack(piece)
        return [...rawBlocks(short)]
      }
      compressors ??= loadCompressors(level)
      return compressPiece(piece, first, await compressors)
    }
    yield FRAME_HEADER
    for await (const chunks of inOrder(pieces(source), IN_FLIGHT, compressNext)) for (const chunk of chunks) yield chunk
    yield LAST_BLOCK
  }
  return { chunks: compress(), size: () => size }
}

/** A frame of bytes that are not compressed. */
export function rawFrame(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([FRAME_HEADER, ...rawBlocks(bytes), LAST_BLOCK])
}

/** Getting a buffer from the system takes longer than filling it. */
const unused: Buffer[] = []

/** The stream anew in pieces of {@link PIECE_SIZE}, the last one shorter. Whoever has done with a piece hands it to {@link giveBack}. */
async function* pieces(source: AsyncIterable<Uint8Array>): AsyncIterable<Buffer> {
  let piece: Buffer | undefined
  let filled = 0
  for await (const chunk of source) {
    for (let start = 0; start < chunk.length;) {
      piece ??= unused.pop() ?? Buffer.allocUnsafeSlow(PIECE_SIZE)
      const cut = chunk.subarray(start, start + PIECE_SIZE - filled)
      piece.set(cut, filled)
      filled += cut.length
      start += cut.length
      if (filled < PIECE_SIZE) continue
      yield piece
      piece = undefined
      filled = 0
    }
  }
  if (piece !== undefined) yield piece.subarray(0, filled)
}

function giveBack(piece: Buffer): void {
  unused.push(Buffer.from(piece.buffer))
}

interface Compressors {
  readonly wanted: CompressFrame
  readonly lazy: CompressFrame
}

async function loadCompressors(level: number): Promise<Compressors> {
  return { wanted: await frameCompressor(level), lazy: await frameCompressor(Math.min(level, LAST_LAZY_LEVEL)) }
}

/**
 * A piece as blocks. Those of all but the first must not depend on the offsets that a decoder remembers when a frame begins. A long run of one byte can make it remember them;
 * else what an encoder makes of them is nearly always a repetition of one byte, which gets a block of its own, after which the offset is known. The rest is compressed
 * once more only when the encoder has found something else.
 */
async function compressPiece(piece: Buffer, first: boolean, { wanted, lazy }: Compressors): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = []
  let rest = piece
  let known: 'none' | 'nearest' | 'all' = first ? 'all' : 'none'
  const run = first ? undefined : firstRun(rest)
  if (run !== undefined) {
    chunks.push(...runBlocks(rest, run))
    rest = rest.subarray(run.end)
    known = resets(run) ? 'all' : 'nearest'
  }
  for (let attempt = 1; rest.length > 0; attempt++) {
    const { blocks, bytes } = takeBlocks(await (attempt === 1 ? wanted : lazy)(rest))
    const match: UnknownMatch | undefined = known === 'all' ? undefined : firstUnknownMatch(blocks, known === 'nearest')
    if (match === undefined) {
      chunks.push(bytes)
      break
    }
    const end = attempt < ATTEMPTS ? match.end : rest.length
    const repeats: boolean = attempt < ATTEMPTS && match.repeatsByte
    // A copy, because the piece is given back.
    chunks.push(...rawBlocks(Buffer.from(rest.subarray(0, repeats ? match.start : end))))
    if (repeats) {
      chunks.push(matchBlock(new Uint8Array(0), end - match.start))
      known = 'nearest'
    }
    rest = rest.subarray(end)
  }
  giveBack(piece)
  return chunks
}
