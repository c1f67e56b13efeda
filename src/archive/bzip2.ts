import { GrowingBuffer } from './growing-buffer.js'

// The format has no document of its authors; the names are those of "BZIP2: Format Specification" (J. Tsai, 2016).
const BLOCK_MAGIC = 0x3141_5926_5359
const END_MAGIC = 0x1772_4538_5090
const BLOCK_UNIT = 100_000
const GROUP_SIZE = 50
const LARGEST_CODE = 20
const RUN_A = 0
const RUN_B = 1

/** Bits from the highest on, as bzip2 packs them. */
class BitReader {
  readonly #input: Uint8Array
  #at: number
  #bits = 0
  #count = 0

  constructor(input: Uint8Array) {
    this.#input = input
    this.#at = 0
  }

  /** At most 24 bits. */
  read(count: number): number {
    while (this.#count < count) {
      const byte = this.#input[this.#at++]
      if (byte === undefined) throw new Error('the data ends in the middle')
      this.#bits = ((this.#bits & 0xff_ffff) << 8) | byte
      this.#count += 8
    }
    this.#count -= count
    return (this.#bits >>> this.#count) & ((1 << count) - 1)
  }

  alignToByte(): void {
    this.#count -= this.#count % 8
  }

  get atEnd(): boolean {
    return this.#at >= this.#input.length && this.#count < 8
  }
}

interface HuffmanTable {
  /** By length: the largest code, and what a code of that length lacks to the index of its symbol. */
  readonly limits: Int32Array
  readonly offsets: Int32Array
  readonly symbols: readonly number[]
}

/**
 * Unpacks bzip2 data of one or more streams. The checksums of blocks are not verified: what asks for this knows the content's digest.
 * @throws plain errors for what is not bzip2, or unpacks to more than `limit` bytes
 */
export function decodeBzip2(packed: Uint8Array, limit: number): Buffer {
  const bits = new BitReader(packed)
  const output = new GrowingBuffer(limit)
  do {
    const level = readStreamHeader(bits)
    while (readBlockMagic(bits)) decodeBlock(bits, level * BLOCK_UNIT, output)
    bits.read(16)
    bits.read(16)
    bits.alignToByte()
  } while (!bits.atEnd)
  return output.bytes()
}

function readStreamHeader(bits: BitReader): number {
  const magic = String.fromCharCode(bits.read(8), bits.read(8), bits.read(8))
  const level = bits.read(8) - 0x30
  if (magic !== 'BZh' || level < 1 || level > 9) throw new Error('not a bzip2 stream')
  return level
}

/** Whether a block follows; otherwise the stream ends here. */
function readBlockMagic(bits: BitReader): boolean {
  const magic = bits.read(24) * 2 ** 24 + bits.read(24)
  if (magic !== BLOCK_MAGIC && magic !== END_MAGIC) throw new Error('neither a block nor the end of the stream')
  return magic === BLOCK_MAGIC
}

function decodeBlock(bits: BitReader, capacity: number, output: GrowingBuffer): void {
  bits.read(16)
  bits.read(16)
  if (bits.read(1) === 1) throw new Error('randomised blocks, which bzip2 stopped making in 2000, are not known')
  const origin = bits.read(24)
  const used = readUsedBytes(bits)
  const symbolCount = used.length + 2
  const tableCount = bits.read(3)
  const selectorCount = bits.read(15)
  if (tableCount < 2 || tableCount > 6 || selectorCount === 0) throw new Error('bad Huffman tables')
  const selectors = readSelectors(bits, selectorCount, tableCount)
  const tables = Array.from({ length: tableCount }, () => readTable(bits, symbolCount))

  // Runs of the first symbol are numbers in bijective base 2; other symbols are positions in the list of bytes, moved to front.
  const endOfBlock = symbolCount - 1
  const transformed = new Uint8Array(capacity)
  const recency = [...used]
  let length = 0
  let run = 0
  let runUnit = 1
  for (let count = 0; ; count++) {
    const table = tables[selectors[Math.floor(count / GROUP_SIZE)] ?? tableCount]
    if (table === undefined) throw new Error('more symbols than selectors')
    const symbol = readSymbol(bits, table)
    if (symbol === RUN_A || symbol === RUN_B) {
      run += runUnit << symbol
      runUnit *= 2
      if (run > capacity - length) throw new Error('a block is larger than its stream allows')
      continue
    }
    transformed.fill(recency[0] ?? 0, length, length + run)
    length += run
    run = 0
    runUnit = 1
    if (symbol === endOfBlock) break
    if (length === capacity) throw new Error('a block is larger than its stream allows')
    const [byte = 0] = recency.splice(symbol - 1, 1)
    recency.unshift(byte)
    transformed[length++] = byte
  }
  if (origin >= length) throw new Error('the origin lies outside of its block')
  undoRuns(undoTransform(transformed.subarray(0, length), origin), output)
}

/** Which bytes occur: a map of 16 ranges, then a map of 16 bytes for each range that is used. */
function readUsedBytes(bits: BitReader): readonly number[] {
  const ranges = bits.read(16)
  const used: number[] = []
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >> range)) === 0) continue
    const members = bits.read(16)
    for (let member = 0; member < 16; member++) if ((members & (0x8000 >> member)) !== 0) used.push(range * 16 + member)
  }
  if (used.length === 0) throw new Error('a block without bytes')
  return used
}

/** Which table each group of 50 symbols uses: positions in the list of tables, moved to front. */
function readSelectors(bits: BitReader, count: number, tableCount: number): Uint8Array {
  const recency = Array.from({ length: tableCount }, (_, index) => index)
  return Uint8Array.from({ length: count }, () => {
    let position = 0
    while (bits.read(1) === 1) if (++position >= tableCount) throw new Error('a selector of no table')
    const [table = 0] = recency.splice(position, 1)
    recency.unshift(table)
    return table
  })
}

/** Code lengths, each given by its difference to the one before; the codes are canonical. */
function readTable(bits: BitReader, symbolCount: number): HuffmanTable {
  let length = bits.read(5)
  const lengths = Array.from({ length: symbolCount }, () => {
    for (;;) {
      if (length < 1 || length > LARGEST_CODE) throw new Error('a code of no length')
      if (bits.read(1) === 0) return length
      length += bits.read(1) === 0 ? 1 : -1
    }
  })
  const symbols: number[] = []
  const limits = new Int32Array(LARGEST_CODE + 1).fill(-1)
  const offsets = new Int32Array(LARGEST_CODE + 1)
  let code = 0
  for (let size = 1; size <= LARGEST_CODE; size++) {
    const first = symbols.length
    for (let symbol = 0; symbol < symbolCount; symbol++) if (lengths[symbol] === size) symbols.push(symbol)
    offsets[size] = first - code
    code += symbols.length - first
    limits[size] = code - 1
    code *= 2
  }
  return { limits, offsets, symbols }
}

function readSymbol(bits: BitReader, { limits, offsets, symbols }: HuffmanTable): number {
  let code = 0
  for (let size = 1; size <= LARGEST_CODE; size++) {
    code = (code << 1) | bits.read(1)
    if (code > (limits[size] ?? -1)) continue
    const symbol = symbols[code + (offsets[size] ?? 0)]
    if (symbol !== undefined) return symbol
  }
  throw new Error('a code of no symbol')
}

/** Inverse of the Burrows-Wheeler transform. */
function undoTransform(last: Uint8Array, origin: number): Uint8Array {
  const next = new Uint32Array(last.length)
  const starts = new Uint32Array(257)
  for (const byte of last) starts[byte + 1] = (starts[byte + 1] ?? 0) + 1
  for (let byte = 0; byte < 256; byte++) starts[byte + 1] = (starts[byte + 1] ?? 0) + (starts[byte] ?? 0)
  last.forEach((byte, index) => {
    const place = starts[byte] ?? 0
    next[place] = index
    starts[byte] = place + 1
  })
  const plain = new Uint8Array(last.length)
  let at = next[origin] ?? 0
  for (let index = 0; index < plain.length; index++) {
    plain[index] = last[at] ?? 0
    at = next[at] ?? 0
  }
  return plain
}

/** Four equal bytes are followed by how many more of them there are. */
function undoRuns(bytes: Uint8Array, output: GrowingBuffer): void {
  let same = 0
  let previous = -1
  for (const byte of bytes) {
    if (same === 4) {
      if (byte > 0) output.repeat(1, byte)
      same = 0
      previous = -1
      continue
    }
    same = byte === previous ? same + 1 : 1
    previous = byte
    output.push(byte)
  }
}
