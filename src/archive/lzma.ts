import { GrowingBuffer } from './growing-buffer.js'

// LZMA SDK, lzma-specification.txt: a range decoder over adaptive bit models, and a state machine of literals, matches and repeated matches.
const HEADER_SIZE = 13
const PROBABILITY_BITS = 11
const INITIAL_PROBABILITY = 1 << (PROBABILITY_BITS - 1)
const MOVE_BITS = 5
const TOP = 2 ** 24
const STATES = 12
const POSITION_STATES = 16
const MIN_MATCH = 2
const ALIGN_BITS = 4
const LAST_DISTANCE_SLOT_WITH_MODEL = 14
const END_MARKER = 0xffff_ffff

type Models = Uint16Array

const models = (count: number): Models => new Uint16Array(count).fill(INITIAL_PROBABILITY)

class RangeDecoder {
  readonly #input: Uint8Array
  #at: number
  #range = 0xffff_ffff
  #code: number

  constructor(input: Uint8Array, start: number) {
    if (input[start] !== 0) throw new Error('the range coder does not begin with 0')
    this.#input = input
    this.#at = start + 1
    this.#code = 0
    for (let count = 0; count < 4; count++) this.#code = ((this.#code << 8) | this.#next()) >>> 0
  }

  bit(probabilities: Models, index: number): number {
    const probability = probabilities[index] ?? INITIAL_PROBABILITY
    const bound = (this.#range >>> PROBABILITY_BITS) * probability
    let bit = 0
    if (this.#code < bound) {
      this.#range = bound
      probabilities[index] = probability + (((1 << PROBABILITY_BITS) - probability) >> MOVE_BITS)
    } else {
      bit = 1
      this.#range -= bound
      this.#code -= bound
      probabilities[index] = probability - (probability >> MOVE_BITS)
    }
    this.#normalize()
    return bit
  }

  /** Bits of equal probability, the highest first. */
  direct(count: number): number {
    let value = 0
    for (let left = count; left > 0; left--) {
      this.#range = this.#range >>> 1
      const bit = this.#code >= this.#range ? 1 : 0
      if (bit === 1) this.#code -= this.#range
      this.#normalize()
      value = value * 2 + bit
    }
    return value
  }

  /** A number of `bits` bits by a tree of models, the highest bit first. */
  tree(probabilities: Models, offset: number, bits: number): number {
    let node = 1
    for (let left = bits; left > 0; left--) node = (node << 1) | this.bit(probabilities, offset + node)
    return node - (1 << bits)
  }

  /** The same, the lowest bit first. */
  reverseTree(probabilities: Models, offset: number, bits: number): number {
    let node = 1
    let value = 0
    for (let position = 0; position < bits; position++) {
      const bit = this.bit(probabilities, offset + node)
      node = (node << 1) | bit
      value |= bit << position
    }
    return value
  }

  #normalize(): void {
    if (this.#range >= TOP) return
    this.#range = (this.#range << 8) >>> 0
    this.#code = ((this.#code << 8) | this.#next()) >>> 0
  }

  #next(): number {
    const byte = this.#input[this.#at++]
    if (byte === undefined) throw new Error('the data ends in the middle')
    return byte
  }
}

class LengthDecoder {
  readonly #choice = models(2)
  readonly #low = models(POSITION_STATES << 3)
  readonly #middle = models(POSITION_STATES << 3)
  readonly #high = models(1 << 8)

  read(range: RangeDecoder, positionState: number): number {
    if (range.bit(this.#choice, 0) === 0) return range.tree(this.#low, positionState << 3, 3)
    if (range.bit(this.#choice, 1) === 0) return 8 + range.tree(this.#middle, positionState << 3, 3)
    return 16 + range.tree(this.#high, 0, 8)
  }
}

/**
 * Unpacks an .lzma file ("LZMA alone": LZMA SDK, lzma-specification.txt).
 * @throws plain errors for what is not that, or unpacks to more than `limit` bytes
 */
export function decodeLzma(packed: Uint8Array, limit: number): Buffer {
  const header = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength)
  const properties = header.readUInt8(0)
  if (properties >= 9 * 5 * 5) throw new Error('not lzma')
  const literalContextBits = properties % 9
  const literalPositionMask = (1 << (Math.floor(properties / 9) % 5)) - 1
  const positionMask = (1 << Math.floor(properties / 45)) - 1
  const dictionarySize = Math.max(4096, header.readUInt32LE(1))
  const declared = header.readBigUInt64LE(5)
  /** Infinity for data that ends with a mark of its own. */
  const size = declared === 0xffff_ffff_ffff_ffffn ? Infinity : Number(declared)
  if (size !== Infinity && size > limit) throw new Error(`unpacks to more than ${limit} bytes`)

  const range = new RangeDecoder(packed, HEADER_SIZE)
  const output = new GrowingBuffer(limit)
  const literals = models(0x300 << (literalContextBits + (Math.floor(properties / 9) % 5)))
  const isMatch = models(STATES * POSITION_STATES)
  const isRepeat = models(STATES)
  const isRepeat0 = models(STATES)
  const isRepeat1 = models(STATES)
  const isRepeat2 = models(STATES)
  const isRepeat0Long = models(STATES * POSITION_STATES)
  const distanceSlots = models(4 << 6)
  const distanceModels = models(1 + 128 - LAST_DISTANCE_SLOT_WITH_MODEL)
  const alignModels = models(1 << ALIGN_BITS)
  const matchLengths = new LengthDecoder()
  const repeatLengths = new LengthDecoder()
  const distances: [number, number, number, number] = [0, 0, 0, 0]
  let state = 0

  const literal = (): void => {
    const previous = output.length > 0 ? output.back(1) : 0
    const context = ((output.length & literalPositionMask) << literalContextBits) + (previous >> (8 - literalContextBits))
    const offset = 0x300 * context
    let symbol = 1
    if (state >= 7) {
      // After a match the byte that would have continued it is known not to come: it selects other models while it agrees.
      let matched = output.back(distances[0] + 1)
      do {
        const matchBit = (matched >> 7) & 1
        matched <<= 1
        const bit = range.bit(literals, offset + ((1 + matchBit) << 8) + symbol)
        symbol = (symbol << 1) | bit
        if (matchBit !== bit) break
      } while (symbol < 0x100)
    }
    while (symbol < 0x100) symbol = (symbol << 1) | range.bit(literals, offset + symbol)
    output.push(symbol & 0xff)
    state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6
  }

  const distance = (length: number): number => {
    const slot = range.tree(distanceSlots, Math.min(length, 3) << 6, 6)
    if (slot < 4) return slot
    const directBits = (slot >> 1) - 1
    const base = (2 | (slot & 1)) * 2 ** directBits
    if (slot < LAST_DISTANCE_SLOT_WITH_MODEL) return base + range.reverseTree(distanceModels, base - slot, directBits)
    return base + range.direct(directBits - ALIGN_BITS) * (1 << ALIGN_BITS) + range.reverseTree(alignModels, 0, ALIGN_BITS)
  }

  /** Which of the last four distances is meant; it comes to the front. False for a single byte of the first one. */
  const repeated = (positionState: number): boolean => {
    if (range.bit(isRepeat0, state) === 0) return range.bit(isRepeat0Long, state * POSITION_STATES + positionState) === 1
    const index = range.bit(isRepeat1, state) === 0 ? 1 : range.bit(isRepeat2, state) === 0 ? 2 : 3
    const [chosen = 0] = distances.splice(index, 1)
    distances.unshift(chosen)
    return true
  }

  const checkDistance = (): void => {
    if (distances[0] >= dictionarySize || distances[0] >= output.length) throw new Error('a match before the beginning')
  }

  while (output.length < size) {
    const positionState = output.length & positionMask
    if (range.bit(isMatch, state * POSITION_STATES + positionState) === 0) {
      literal()
      continue
    }
    let length: number
    if (range.bit(isRepeat, state) === 0) {
      length = matchLengths.read(range, positionState)
      distances.pop()
      distances.unshift(distance(length))
      state = state < 7 ? 7 : 10
      if (distances[0] === END_MARKER) {
        if (size === Infinity) return output.bytes()
        throw new Error('the data ends early')
      }
    } else {
      checkDistance()
      if (!repeated(positionState)) {
        checkDistance()
        state = state < 7 ? 9 : 11
        output.push(output.back(distances[0] + 1))
        continue
      }
      length = repeatLengths.read(range, positionState)
      state = state < 7 ? 8 : 11
    }
    checkDistance()
    output.repeat(distances[0] + 1, length + MIN_MATCH)
  }
  if (output.length > size) throw new Error('the last match is too long')
  return output.bytes()
}
