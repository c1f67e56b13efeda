import { isUint8Array } from 'node:util/types'

/**
 * Where a file lies in a tar archive that has been compressed by {@link gzipTar}: as deflate blocks of its own, which end on a byte boundary and refer to
 * nothing before them, so that they can be taken as they are into any other deflate stream.
 */
export interface RunPlace {
  /** First byte and length in the archive. */
  readonly offset: number
  readonly size: number
  /** First byte and length in the gzip file. */
  readonly compressedOffset: number
  readonly compressedSize: number
  /** CRC-32 of the bytes before compression. */
  readonly crc32: number
}

/** Bytes that are at hand deflated. */
export interface DeflatedRun {
  /** Bytes before compression. */
  readonly size: number
  /** CRC-32 of the bytes before compression. */
  readonly crc32: number
  /** Can be read once; the reading fails at its end when the blocks do not hold what they should. */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** A stream some bytes of which are at hand deflated, too. */
export interface PartlyDeflated extends AsyncIterable<Uint8Array> {
  /** The next `size` bytes, when it is exactly those that are there as a run. They do not come by in the stream then, and the run must be read before it goes on. */
  takeDeflated(size: number): DeflatedRun | undefined
}

/** A piece of a stream that is being written: bytes, or a run that stands for them. */
export type Piece = Uint8Array | DeflatedRun

export function isBytes(piece: Piece): piece is Uint8Array {
  return isUint8Array(piece)
}

/** Bytes of a record of {@link formatRuns}: distances from the end of the run before, sizes, and the CRC. */
const RECORD_SIZE = 6 + 6 + 6 + 6 + 4

/** The places as text for an annotation; they must be in their order. */
export function formatRuns(runs: readonly RunPlace[]): string {
  const records = Buffer.alloc(runs.length * RECORD_SIZE)
  let at = 0
  let end = 0
  let compressedEnd = 0
  for (const { offset, size, compressedOffset, compressedSize, crc32 } of runs) {
    for (const number of [offset - end, size, compressedOffset - compressedEnd, compressedSize]) at = records.writeUIntBE(number, at, 6)
    at = records.writeUInt32BE(crc32, at)
    end = offset + size
    compressedEnd = compressedOffset + compressedSize
  }
  return records.toString('base64')
}

/** The places that a text of {@link formatRuns} tells; undefined for any other text. */
export function parseRuns(text: string): readonly RunPlace[] | undefined {
  const records = Buffer.from(text, 'base64')
  if (records.length % RECORD_SIZE !== 0 || records.toString('base64') !== text) return undefined
  const runs: RunPlace[] = []
  let end = 0
  let compressedEnd = 0
  for (let at = 0; at < records.length; at += RECORD_SIZE) {
    const [distance = 0, size = 0, compressedDistance = 0, compressedSize = 0] = [0, 6, 12, 18].map((field) =>
      records.readUIntBE(at + field, 6),
    )
    const offset = end + distance
    const compressedOffset = compressedEnd + compressedDistance
    runs.push({ offset, size, compressedOffset, compressedSize, crc32: records.readUInt32BE(at + 24) })
    end = offset + size
    compressedEnd = compressedOffset + compressedSize
  }
  return runs
}
