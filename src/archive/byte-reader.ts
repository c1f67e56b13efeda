import type { Content, Range } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import type { DeflatedRun, PartlyDeflated } from './deflate-runs.js'

/** Reads a stream of chunks in the sizes that a format asks for, copying only what straddles two chunks. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #partlyDeflated: PartlyDeflated | undefined
  #chunk: Buffer = Buffer.alloc(0)
  #position = 0

  constructor(source: AsyncIterable<Uint8Array> | PartlyDeflated) {
    this.#source = source[Symbol.asyncIterator]()
    this.#partlyDeflated = 'takeDeflated' in source ? source : undefined
  }

  /** How many bytes of the source have been read. */
  get position(): number {
    return this.#position
  }

  /** The next bytes, at least one and at most `limit`; nothing at the end of the stream. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next()
      if (next.done === true) return undefined
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length)
    }
    const taken = this.#chunk.subarray(0, limit)
    this.#chunk = this.#chunk.subarray(taken.length)
    this.#position += taken.length
    return taken
  }

  /** The next `size` bytes in one piece; fewer only at the end of the stream. */
  async read(size: number): Promise<Buffer> {
    const pieces: Buffer[] = []
    let missing = size
    while (missing > 0) {
      const piece = await this.some(missing)
      if (piece === undefined) break
      pieces.push(piece)
      missing -= piece.length
    }
    const [first] = pieces
    return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces)
  }

  /** Like {@link read}, and the bytes stay to be read again. */
  async peek(size: number): Promise<Buffer> {
    const bytes = await this.read(size)
    this.#chunk = this.#chunk.length === 0 ? bytes : Buffer.concat([bytes, this.#chunk])
    this.#position -= bytes.length
    return bytes
  }

  /** See {@link PartlyDeflated.takeDeflated}. */
  takeDeflated(size: number): DeflatedRun | undefined {
    if (this.#chunk.length > 0) return undefined
    const run = this.#partlyDeflated?.takeDeflated(size)
    if (run !== undefined) this.#position += size
    return run
  }

  /**
   * Passes over `size` bytes.
   * @throws {LinuxkitError} `archive/truncated` when the stream ends before
   */
  async skip(size: number): Promise<void> {
    let missing = size
    while (missing > 0) {
      const piece = await this.some(missing)
      if (piece === undefined) throw truncated()
      missing -= piece.length
    }
  }

  /** All that is left, chunk by chunk. */
  async *rest(): AsyncIterable<Buffer> {
    try {
      for (let piece = await this.some(Infinity); piece !== undefined; piece = await this.some(Infinity)) yield piece
    } finally {
      await this.close()
    }
  }

  /** Tells the source that no more is wanted, so that it can free what it holds. */
  async close(): Promise<void> {
    await this.#source.return?.()
  }
}

/**
 * The bytes of a member of an archive that is read as a stream: they go by once.
 * `open()` may be called once, and only until the archive's reader has moved on.
 */
export class StreamedContent implements Content {
  readonly size: number
  readonly #reader: ByteReader
  #left: number
  #state: 'fresh' | 'opened' | 'passed' = 'fresh'

  constructor(reader: ByteReader, size: number) {
    this.size = size
    this.#reader = reader
    this.#left = size
  }

  open(range: Range = { start: 0, end: this.size }): PartlyDeflated {
    const bytes = this.#bytes(range)
    // An archive in the archive has files of its own, which may be there as runs.
    return {
      [Symbol.asyncIterator]: () => bytes,
      takeDeflated: (size) => (this.#state === 'opened' ? this.#takeDeflated(size) : undefined),
    }
  }

  /** The content as deflate blocks, when it is there as such, instead of opening it. */
  takeDeflated(): DeflatedRun | undefined {
    const run = this.#state === 'fresh' ? this.#takeDeflated(this.size) : undefined
    if (run !== undefined) this.#state = 'opened'
    return run
  }

  #takeDeflated(size: number): DeflatedRun | undefined {
    if (size > this.#left) return undefined
    const run = this.#reader.takeDeflated(size)
    if (run !== undefined) this.#left -= size
    return run
  }

  async *#bytes(range: Range): AsyncGenerator<Uint8Array> {
    this.#expect('fresh')
    this.#state = 'opened'
    await this.#skip(range.start)
    const afterwards = this.size - range.end
    while (this.#left > afterwards) {
      const piece = await this.#reader.some(this.#left - afterwards)
      if (piece === undefined) throw truncated()
      this.#left -= piece.length
      yield piece
      this.#expect('opened')
    }
  }

  /** Passes over what has not been read; called by the archive's reader before it moves on. */
  async finish(): Promise<void> {
    this.#state = 'passed'
    await this.#skip(this.#left)
  }

  async #skip(size: number): Promise<void> {
    this.#left -= size
    await this.#reader.skip(size)
  }

  #expect(state: 'fresh' | 'opened'): void {
    if (this.#state !== state) throw new Error('the content of a streamed archive member can be read once, before the next member')
  }
}

export function truncated(cause?: unknown): LinuxkitError {
  return new LinuxkitError('archive/truncated', 'the archive ends in the middle', {
    cause,
    hint: 'the file may have been cut off; fetch it again',
  })
}
