import { blockHeader, LARGEST_BLOCK } from './zstd-blocks.js'
import { LITERAL_LENGTHS, MATCH_LENGTHS, type LengthCodes } from './zstd-sequences.js'

/** A run is worth a block of its own only near the beginning: what is before it in the block is not compressed. */
const SEARCHED = 1 << 12

/** Encoders look for matches of four bytes, so five equal ones are a run. */
const SHORTEST = 5

/** The offsets that a decoder remembers when a frame begins (RFC 8878, section 3.1.1.5), the first one last. */
const FIRST_OFFSETS = [8, 4, 1] as const
const SHORTEST_MATCH = 3

/** A run of so many bytes has room for a match at each of them. */
const RESETTING = FIRST_OFFSETS[0] + FIRST_OFFSETS.length * SHORTEST_MATCH

/** The first byte that is repeated, and the first one after its repetitions. */
export interface Run {
  readonly start: number
  readonly end: number
}

/** The first run near the beginning of the bytes that {@link resets}, or else the first of all. */
export function firstRun(bytes: Uint8Array): Run | undefined {
  const limit = Math.min(bytes.length, SEARCHED)
  let found: Run | undefined
  let start = 0
  for (let index = 1; index < limit; index++) {
    if (bytes[index] === bytes[start]) {
      if (index - start + 1 !== SHORTEST) continue
      const run = { start, end: endOfRun(bytes, start) }
      if (resets(run)) return run
      found ??= run
    } else start = index
  }
  return found
}

/** Whether a decoder can be made to remember what it remembers when a frame begins. */
export function resets({ start, end }: Run): boolean {
  return end - start >= RESETTING
}

/** The bytes up to the end of a run as blocks, after which a decoder remembers the offset 1 first, and when the run {@link resets} all that it remembers when a frame begins. */
export function runBlocks(bytes: Uint8Array, run: Run): readonly Uint8Array[] {
  if (!resets(run)) return [matchBlock(bytes.subarray(0, run.start + 1), run.end - run.start - 1)]
  let start = run.start + FIRST_OFFSETS[0]
  let literals = bytes.subarray(0, start)
  return FIRST_OFFSETS.map((offset) => {
    const count = offset === 1 ? run.end - start : SHORTEST_MATCH
    const block = matchBlock(literals, count, offset)
    start += count
    literals = bytes.subarray(0, 0)
    return block
  })
}

function endOfRun(bytes: Uint8Array, start: number): number {
  let end = start + 1
  while (end < bytes.length && end < LARGEST_BLOCK && bytes[end] === bytes[start]) end += 1
  return end
}

/**
 * A compressed block with one match (RFC 8878, section 3.1.1.3): literals, and then what stands so many bytes before, again and again. The offset is stated, so that it is
 * the first that is remembered after the block. Not marked as the last.
 * @param literals fewer than {@link LARGEST_BLOCK}
 * @param count how many bytes the match has, at least 3
 * @param offset at most 12
 */
export function matchBlock(literals: Uint8Array, count: number, offset = 1): Uint8Array {
  const literalLength = coded(LITERAL_LENGTHS, literals.length)
  const matchLength = coded(MATCH_LENGTHS, count)
  // Values up to 3 mean what is remembered.
  const offsetValue = offset + 3
  const offsetCode = 31 - Math.clz32(offsetValue)
  // The decoder reads them from the highest bit on, which marks the beginning and stands for the highest of the offset as well; then comes what the lengths add.
  const bits = offsetValue * 2 ** matchLength.width + matchLength.extra
  const stream = Buffer.alloc(6)
  stream.writeUIntLE(bits * 2 ** literalLength.width + literalLength.extra, 0, 6)
  const streamSize = Math.floor((offsetCode + matchLength.width + literalLength.width) / 8) + 1
  // One sequence, whose three tables have but one symbol.
  const sequences = [1, 0b01_01_01_00, literalLength.code, offsetCode, matchLength.code]
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
