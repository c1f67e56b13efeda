import type { Block } from './zstd-blocks.js'
import { Sequences, Tables } from './zstd-sequences.js'

/** A match at an offset that is not known: its first byte and the one after its last, counted in what the blocks stand for. */
export interface UnknownMatch {
  readonly start: number
  readonly end: number
  /** Whether the encoder meant the byte before it, repeated. */
  readonly repeatsByte: boolean
}

interface Offset {
  readonly distance: number
  /** Whether a decoder has it, too, when the blocks do not begin their frame. */
  readonly known: boolean
}

type Offsets = readonly [Offset, Offset, Offset]

/**
 * Looks for the first match in the blocks at an offset that an encoder took for remembered because frames begin with it (RFC 8878, section 3.1.1.5). Without such a
 * match blocks mean the same anywhere in a frame: their tables are their own, as the encoder knew nothing before them.
 * @param blocks of one frame, from its first
 * @param nearestIsKnown whether what comes before the blocks ends with a match at the offset 1, which is the first that the encoder expects
 * @throws {RangeError} for blocks that are damaged
 */
export function firstUnknownMatch(blocks: readonly Block[], nearestIsKnown: boolean): UnknownMatch | undefined {
  let offsets: Offsets = [
    { distance: 1, known: nearestIsKnown },
    { distance: 4, known: false },
    { distance: 8, known: false },
  ]
  let position = 0
  const tables = new Tables()
  for (const { type, body, size } of blocks) {
    if (type !== 'compressed') {
      position += size
      continue
    }
    const sequences = new Sequences(body, tables)
    let literals = sequences.literals
    for (const { offsetValue, literalLength, matchLength } of sequences.read()) {
      literals -= literalLength
      position += literalLength
      offsets = afterMatch(offsets, offsetValue, literalLength)
      const [{ distance, known }] = offsets
      if (!known) return { start: position, end: position + matchLength, repeatsByte: distance === 1 }
      // From here on every match is at an offset that stands in these blocks.
      if (offsets.every((offset) => offset.known)) return undefined
      position += matchLength
    }
    position += literals
  }
  return undefined
}

/** The offsets that are remembered after a match, its own being the first (section 3.1.1.5). */
function afterMatch([first, second, third]: Offsets, offsetValue: number, literalLength: number): Offsets {
  if (offsetValue > 3) return [{ distance: offsetValue - 3, known: true }, first, second]
  // At the nearest offset a match without literals would be part of the one before, so the values mean something else then.
  switch (literalLength === 0 ? offsetValue + 1 : offsetValue) {
    case 1:
      return [first, second, third]
    case 2:
      return [second, first, third]
    case 3:
      return [third, first, second]
    default:
      return [{ ...first, distance: first.distance - 1 }, first, second]
  }
}
