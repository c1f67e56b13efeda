// Finite state entropy (RFC 8878, section 4.1): the tables, and the bits that they are read from.

/** A state machine of finite state entropy (section 4.1): for each state the symbol, and how the next state is found. */
export interface Table {
  readonly accuracyLog: number
  readonly symbols: Uint8Array
  readonly bits: Uint8Array
  readonly baselines: Uint16Array
}

/** The state after this one. */
export function nextState(table: Table, state: number, bits: BackwardBits): number {
  return element(table.baselines, state) + bits.read(element(table.bits, state))
}

/** A table from the probabilities that stand in a block (section 4.1.1), and where they end. @throws {RangeError} */
export function readProbabilities(body: Buffer, start: number, largestAccuracy: number): { table: Table; end: number } {
  const bits = new ForwardBits(body, start)
  const accuracyLog = bits.read(4) + 5
  if (accuracyLog > largestAccuracy) throw new RangeError('the accuracy of a table is too large')
  const probabilities: number[] = []
  for (let left = 2 ** accuracyLog; left > 0;) {
    // Values up to left + 1; the lower of them take a bit less.
    const width = 32 - Math.clz32(left + 1)
    const lowest = 2 ** width - 1 - (left + 1)
    let value = bits.peek(width - 1)
    if (value < lowest) bits.skip(width - 1)
    else {
      value = bits.read(width)
      if (value >= 2 ** (width - 1)) value -= lowest
    }
    const probability = value - 1
    probabilities.push(probability)
    left -= Math.abs(probability)
    if (probability !== 0) continue
    for (let repeats = 3; repeats === 3;) {
      repeats = bits.read(2)
      for (let index = 0; index < repeats; index++) probabilities.push(0)
    }
  }
  return { table: buildTable(accuracyLog, probabilities), end: bits.end }
}

/** @param probabilities of the symbols, in states; -1 is less than one */
export function buildTable(accuracyLog: number, probabilities: readonly number[]): Table {
  const size = 2 ** accuracyLog
  const symbols = new Uint8Array(size)
  const bits = new Uint8Array(size)
  const baselines = new Uint16Array(size)
  // Symbols that are less likely than one state can tell stand at the end.
  let end = size
  for (const [symbol, probability] of probabilities.entries()) if (probability === -1) symbols[--end] = symbol
  const step = (size >> 1) + (size >> 3) + 3
  let position = 0
  for (const [symbol, probability] of probabilities.entries()) {
    for (let index = 0; index < probability; index++) {
      symbols[position] = symbol
      do position = (position + step) & (size - 1)
      while (position >= end)
    }
  }
  const counters = probabilities.map((probability) => Math.abs(probability))
  for (let state = 0; state < size; state++) {
    const symbol = element(symbols, state)
    const counter = element(counters, symbol)
    counters[symbol] = counter + 1
    const width = accuracyLog - (31 - Math.clz32(counter))
    bits[state] = width
    baselines[state] = (counter << width) - size
  }
  return { accuracyLog, symbols, bits, baselines }
}

/** Bits from the lowest of the first byte on. */
class ForwardBits {
  readonly #bytes: Buffer
  #position: number

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes
    this.#position = start * 8
  }

  /** The first byte that no bit has been read of. */
  get end(): number {
    return Math.ceil(this.#position / 8)
  }

  peek(width: number): number {
    return bitsAt(this.#bytes, this.#position, width)
  }

  skip(width: number): void {
    this.#position += width
  }

  read(width: number): number {
    const value = this.peek(width)
    this.skip(width)
    return value
  }
}

/** Bits from the end: the highest bit that is set in the last byte marks where they begin. */
export class BackwardBits {
  readonly #bytes: Buffer
  #position: number

  constructor(bytes: Buffer) {
    const last = element(bytes, bytes.length - 1)
    if (last === 0) throw new RangeError('the bits of a block have no end mark')
    this.#bytes = bytes
    this.#position = bytes.length * 8 - 1 - Math.clz32(last << 24)
  }

  read(width: number): number {
    this.#position -= width
    if (this.#position < 0) throw new RangeError('the bits of a block end too early')
    return bitsAt(this.#bytes, this.#position, width)
  }
}

/** So many bits, at most 32, from a bit on; those beyond the end are zero. */
function bitsAt(bytes: Buffer, position: number, width: number): number {
  const first = position >> 3
  let value = 0
  for (let index = 0; index * 8 < width + (position & 7); index++) value += (bytes[first + index] ?? 0) * 2 ** (8 * index)
  return Math.floor(value / 2 ** (position & 7)) % 2 ** width
}

/** @throws {RangeError} beyond the end: what is damaged may point anywhere */
export function element(list: ArrayLike<number>, index: number): number {
  const value = list[index]
  if (value === undefined) throw new RangeError('the block is damaged')
  return value
}
