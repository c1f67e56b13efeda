/** Output of a decoder that looks back into what it has written. Doubles as it fills. */
export class GrowingBuffer {
  readonly #limit: number
  #buffer = Buffer.allocUnsafe(1 << 20)
  #length = 0

  /** @param limit bytes beyond which nothing is taken */
  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#length
  }

  /** The byte that was written `distance` bytes ago; 1 is the last one. */
  back(distance: number): number {
    return this.#buffer[this.#length - distance] ?? 0
  }

  push(byte: number): void {
    this.#reserve(1)
    this.#buffer[this.#length++] = byte
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Writes again the `length` bytes that begin `distance` bytes back; they may run into what is being written. */
  repeat(distance: number, length: number): void {
    this.#reserve(length)
    const buffer = this.#buffer
    const end = this.#length + length
    if (distance >= length) buffer.copyWithin(this.#length, this.#length - distance, end - distance)
    else for (let at = this.#length; at < end; at++) buffer[at] = buffer[at - distance] ?? 0
    this.#length = end
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed > this.#limit) throw new Error(`unpacks to more than ${this.#limit} bytes`)
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
