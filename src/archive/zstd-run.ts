import { blockHeader, LARGEST_BLOCK } from './zstd-blocks.js'
import { LITERAL_LENGTHS, MATCH_LENGTHS, type LengthCodes } from './zstd-sequences.js'

/** A run is worth a block of its own only near the beginning: what is before it in the block is not compressed. */
const SEARCHED = 1 << 12

/** Encoders look for matches of four bytes, so five equal ones are a run. */
const SHORTEST = 5

/** Largest offset code with a value of 4: the offset 1, stated. */
const OFFSET_CODE = 2

/** The first byte that is repeated, and the first one after its repetitions. */
export interface Run {
  readonly start: number
  readonly end: number
}

/** The first run near the beginning of the bytes. */
export function firstRun(bytes: Uint8Array): Run | undefined {
  const limit = Math.min(bytes.length, SEARCHED)
  let start = 0
  for (let index = 1; index < limit; index++) {
    if (bytes[index] === bytes[start]) {
      if (index - start + 1 === SHORTEST) return { start, end: endOfRun(bytes, start) }
    } else start = index
  }
  return undefined
}

function endOfRun(bytes: Uint8Array, start: number): number {
  let end = start + 1
  while (end < bytes.length && end < LARGEST_BLOCK && bytes[end] === bytes[start]) end += 1
  return end
}

/**
 * A compressed block with one match (RFC 8878, section 3.1.1.3): literals, and then the byte before, the last literal or what came before the block, again and again. Its offset, 1, is stated,
 * so that it is remembered after the block. Not marked as the last.
 * @param literals fewer than {@link LARGEST_BLOCK}
 * @param count how often, at least 3
 */
export function runBlock(literals: Uint8Array, count: number): Uint8Array {
  const literalLength = coded(LITERAL_LENGTHS, literals.length)
  const matchLength = coded(MATCH_LENGTHS, count)
  // The decoder reads them from the highest bit on, which marks the beginning: two bits of the offset, then what the lengths add.
  const bits = 2 ** OFFSET_CODE * 2 ** matchLength.width + matchLength.extra
  const stream = Buffer.alloc(6)
  stream.writeUIntLE(bits * 2 ** literalLength.width + literalLength.extra, 0, 6)
  const streamSize = Math.floor((OFFSET_CODE + matchLength.width + literalLength.width) / 8) + 1
  // One sequence, whose three tables have but one symbol.
  const sequences = [1, 0b01_01_01_00, literalLength.code, OFFSET_CODE, matchLength.code]
  const literalsHeader = Buffer.alloc(3)
  literalsHeader.writeUIntLE((literals.length << 4) | 0b11_00, 0, 3)
  const body = Buffer.concat([literalsHeader, literals, Uint8Array.from(sequences), stream.subarray(0, streamSize)])
  return Buffer.concat([blockHeader('compressed', body.length), body])
}

/** The code of a length, and the bits that are added to its baseline. */
function coded(
  { baselines, extraBits }: LengthCodes,
  length: number,
): { readonly code: number; readonly width: number; readonly extra: number } {
  const code = baselines.findLastIndex((baseline) => baseline <= length)
  return { code, width: extraBits[code] ?? 0, extra: length - (baselines[code] ?? 0) }
}
