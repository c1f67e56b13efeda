import { BackwardBits, buildTable, element, nextState, readProbabilities, type Table } from './zstd-entropy.js'

type Kind = 'literalLength' | 'offset' | 'matchLength'

/** The tables of the block before, which a block may use again. */
export class Tables {
  literalLength: Table | undefined
  offset: Table | undefined
  matchLength: Table | undefined
}

const times = (count: number, value: number): readonly number[] => Array.from({ length: count }, () => value)

/** What the codes of a length mean (section 3.1.1.3.2.1.1): the baseline, and how many bits of the stream are added to it. */
export interface LengthCodes {
  readonly baselines: readonly number[]
  readonly extraBits: readonly number[]
}

/** @param direct how many codes stand for one length each, `first` being the length of the first */
function lengthCodes(direct: number, first: number, others: readonly number[]): LengthCodes {
  const extraBits = [...times(direct, 0), ...others]
  const baselines: number[] = []
  let baseline = first
  for (const bits of extraBits) {
    baselines.push(baseline)
    baseline += 2 ** bits
  }
  return { baselines, extraBits }
}

export const LITERAL_LENGTHS = lengthCodes(16, 0, [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
export const MATCH_LENGTHS = lengthCodes(32, 3, [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])

/** Probabilities when a block brings none (section 3.1.1.3.2.2). */
const DEFAULTS: Readonly<Record<Kind, { readonly accuracyLog: number; readonly probabilities: readonly number[] }>> = {
  literalLength: {
    accuracyLog: 6,
    probabilities: [4, 3, ...times(11, 2), ...times(3, 1), ...times(9, 2), 3, 2, ...times(5, 1), ...times(4, -1)],
  },
  matchLength: { accuracyLog: 6, probabilities: [1, 4, 3, ...times(6, 2), ...times(37, 1), ...times(7, -1)] },
  offset: { accuracyLog: 5, probabilities: [...times(6, 1), ...times(3, 2), ...times(15, 1), ...times(5, -1)] },
}

/** Largest accuracy that a block may state. */
const LARGEST_ACCURACY: Readonly<Record<Kind, number>> = { literalLength: 9, offset: 8, matchLength: 9 }

/** So many literals, then a match of so many bytes (RFC 8878, section 3.1.1.3.2). */
export interface Sequence {
  readonly literalLength: number
  readonly offsetValue: number
  readonly matchLength: number
}

/** The sequences section of a compressed block (section 3.1.1.3.2). Making one and reading it throw a RangeError for what is damaged. */
export class Sequences {
  /** Literals of the block in bytes, once it has been unpacked. */
  readonly literals: number
  readonly #count: number
  readonly #bits: BackwardBits | undefined
  readonly #tables: Readonly<Record<Kind, Table>> | undefined

  constructor(body: Buffer, before: Tables) {
    const { size, end } = literalsSection(body)
    this.literals = size
    const { count, start } = countOf(body, end)
    this.#count = count
    if (count === 0) return
    const modes = element(body, start)
    let next = start + 1
    const table = (kind: Kind, mode: number): Table => {
      const made = readTable(body, next, kind, mode, before[kind])
      next = made.end
      before[kind] = made.table
      return made.table
    }
    const literalLength = table('literalLength', modes >> 6)
    const offset = table('offset', (modes >> 4) & 3)
    const matchLength = table('matchLength', (modes >> 2) & 3)
    this.#tables = { literalLength, offset, matchLength }
    this.#bits = new BackwardBits(body.subarray(next))
  }

  *read(): Iterable<Sequence> {
    const bits = this.#bits
    const tables = this.#tables
    if (bits === undefined || tables === undefined) return
    let literalState = bits.read(tables.literalLength.accuracyLog)
    let offsetState = bits.read(tables.offset.accuracyLog)
    let matchState = bits.read(tables.matchLength.accuracyLog)
    for (let left = this.#count; left > 0; left--) {
      const offsetCode = element(tables.offset.symbols, offsetState)
      const matchCode = element(tables.matchLength.symbols, matchState)
      const literalCode = element(tables.literalLength.symbols, literalState)
      const offsetValue = 2 ** offsetCode + bits.read(offsetCode)
      const matchLength = element(MATCH_LENGTHS.baselines, matchCode) + bits.read(element(MATCH_LENGTHS.extraBits, matchCode))
      const literalLength = element(LITERAL_LENGTHS.baselines, literalCode) + bits.read(element(LITERAL_LENGTHS.extraBits, literalCode))
      yield { literalLength, offsetValue, matchLength }
      if (left === 1) return
      literalState = nextState(tables.literalLength, literalState, bits)
      matchState = nextState(tables.matchLength, matchState, bits)
      offsetState = nextState(tables.offset, offsetState, bits)
    }
  }
}

/** Size of the literals when they are unpacked, and where their section ends (section 3.1.1.3.1.1). */
function literalsSection(body: Buffer): { readonly size: number; readonly end: number } {
  const first = element(body, 0)
  const type = first & 3
  const format = (first >> 2) & 3
  if (type < 2) {
    const headerSize = format === 1 ? 2 : format === 3 ? 3 : 1
    const size = littleEndian(body, 0, headerSize) >> (headerSize === 1 ? 3 : 4)
    return { size, end: headerSize + (type === 0 ? size : 1) }
  }
  const headerSize = [3, 3, 4, 5][format] ?? 0
  const width = [10, 10, 14, 18][format] ?? 0
  // Five bytes are more than the bit operators take.
  const fields = Math.floor(littleEndian(body, 0, headerSize) / 16)
  return { size: fields % 2 ** width, end: headerSize + (Math.floor(fields / 2 ** width) % 2 ** width) }
}

/** How many sequences there are, and where the modes of their tables stand. */
function countOf(body: Buffer, start: number): { readonly count: number; readonly start: number } {
  const first = element(body, start)
  if (first < 128) return { count: first, start: start + 1 }
  if (first < 255) return { count: ((first - 128) << 8) + element(body, start + 1), start: start + 2 }
  return { count: littleEndian(body, start + 1, 2) + 0x7f00, start: start + 3 }
}

function readTable(body: Buffer, start: number, kind: Kind, mode: number, before: Table | undefined): { table: Table; end: number } {
  switch (mode) {
    case 0: {
      const { accuracyLog, probabilities } = DEFAULTS[kind]
      return { table: buildTable(accuracyLog, probabilities), end: start }
    }
    case 1: {
      const symbols = Uint8Array.of(element(body, start))
      return { table: { accuracyLog: 0, symbols, bits: Uint8Array.of(0), baselines: Uint16Array.of(0) }, end: start + 1 }
    }
    case 2:
      return readProbabilities(body, start, LARGEST_ACCURACY[kind])
    default:
      if (before === undefined) throw new RangeError('the block repeats a table that is not there')
      return { table: before, end: start }
  }
}

function littleEndian(bytes: Buffer, start: number, length: number): number {
  if (start + length > bytes.length) throw new RangeError('the block ends too early')
  return bytes.readUIntLE(start, length)
}
