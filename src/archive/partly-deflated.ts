import { once } from 'node:events'
import { pipeline } from 'node:stream'
import { promisify } from 'node:util'
import { constants, crc32, createInflateRaw, inflateRaw, inflateRawSync } from 'node:zlib'
import { LinuxkitError } from '../base/errors.js'
import { ByteReader } from './byte-reader.js'
import type { DeflatedRun, PartlyDeflated, RunPlace } from './deflate-runs.js'
import { GZIP_HEADER, GZIP_TRAILER_SIZE, gzipTrailer, storedBytes, type DeflateResult } from './gzip.js'

/** Up to this many bytes bringing the work to another thread takes longer than the work; up to {@link MIDDLE} it is done at once there, beyond as a stream. */
const SMALL = 1 << 17
const MIDDLE = 1 << 21

type InflateOptions = Parameters<typeof inflateRaw>[1]

/** What comes out with the option `info`, of which the type declarations do not know. */
interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

type Inflate = (bytes: Uint8Array, options: InflateOptions, done: (error: Error | null, result: Inflated) => void) => void

// Functions, because Node loads its zlib as soon as it is asked for something of it, and most builds inflate nothing.
const options = () => ({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 1 << 20, highWaterMark: 3 << 20 })
const inflate = (bytes: Uint8Array, how: InflateOptions): Promise<Inflated> => promisify(inflateRaw as unknown as Inflate)(bytes, how)
const inflateSync = (bytes: Uint8Array, how: InflateOptions): Inflated => inflateRawSync(bytes, how) as unknown as Inflated

type Bytes = AsyncIterable<Uint8Array>

/** A run of deflate blocks in the file: one of a {@link RunPlace}, or what is between two of them. */
interface Run {
  readonly compressedSize: number
  /** Undefined for what is after the last place: its end is that of the archive. */
  readonly size: number | undefined
  /** Undefined for what is between places. */
  readonly crc32: number | undefined
}

/**
 * Unpacks what `gzipTar` has packed. Every run is unpacked, taken or not, so that nothing comes out but what any other reader of the file sees; of what is taken the
 * checksum is counted too.
 * @param size of the gzip file in bytes
 * @throws {LinuxkitError} when reading: `archive/corrupt`
 */
export function partlyDeflated(source: Bytes, size: number, places: readonly RunPlace[]): PartlyDeflated {
  const reader = new RunReader(source, size, places)
  return {
    takeDeflated: (length) => reader.takeDeflated(length),
    [Symbol.asyncIterator]: () => reader,
  }
}

class RunReader implements AsyncIterator<Uint8Array> {
  readonly #reader: ByteReader
  readonly #size: number
  readonly #places: readonly RunPlace[]
  /** Number of places that have been begun. */
  #begun = 0
  #current: AsyncIterator<Uint8Array> | undefined
  /** Bytes before compression that have been given out. */
  #offset = 0
  readonly #done: DeflateResult[] = []
  #state: 'before' | 'between' | 'in a taken run' | 'after' = 'before'

  constructor(source: Bytes, size: number, places: readonly RunPlace[]) {
    this.#reader = new ByteReader(source)
    this.#size = size
    this.#places = places
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    // A reader that has given up in the middle of a run gets no more; for any other the archive ends too early.
    if (this.#state === 'in a taken run') return { done: true, value: undefined }
    try {
      return await this.#advance()
    } catch (error) {
      // As a generator that has thrown.
      this.#current = undefined
      this.#state = 'after'
      throw error
    }
  }

  async #advance(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      this.#current ??= await this.#open()
      const result = await this.#current?.next()
      if (result === undefined) return { done: true, value: undefined }
      if (result.done === true) this.#current = undefined
      else {
        this.#offset += result.value.length
        return result
      }
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.#reader.close()
    return { done: true, value: undefined }
  }

  takeDeflated(size: number): DeflatedRun | undefined {
    const place = this.#places[this.#begun]
    if (this.#state !== 'between' || place?.offset !== this.#offset || place.size !== size) return undefined
    this.#begun += 1
    this.#state = 'in a taken run'
    return { size, crc32: place.crc32, chunks: this.#raw(place) }
  }

  async *#raw(place: RunPlace): Bytes {
    // What comes before has given all of its bytes, but was not checked yet.
    if ((await this.#current?.next())?.done === false) throw corrupt()
    this.#current = undefined
    yield* checked(this.#take(place.compressedSize), place, (result) => this.#done.push(result))
    this.#offset += place.size
    this.#state = 'between'
  }

  /** The next run, unpacked; undefined at the end of the file. */
  async #open(): Promise<AsyncIterator<Uint8Array> | undefined> {
    if (this.#state === 'after') return undefined
    if (this.#state === 'before') {
      if (!(await this.#reader.read(GZIP_HEADER.length)).equals(GZIP_HEADER)) throw corrupt()
      this.#state = 'between'
    }
    const place = this.#places[this.#begun]
    const end = place?.compressedOffset ?? this.#size - GZIP_TRAILER_SIZE
    if (this.#reader.position < end) {
      const size = place === undefined ? undefined : place.offset - this.#offset
      return this.#unpacked({ compressedSize: end - this.#reader.position, size, crc32: undefined })
    }
    if (place !== undefined) {
      this.#begun += 1
      return this.#unpacked(place)
    }
    this.#state = 'after'
    if (!(await this.#reader.read(GZIP_TRAILER_SIZE + 1)).equals(gzipTrailer(this.#done))) throw corrupt()
    return undefined
  }

  /**
   * Who takes what comes out does not use its checksum, and counting it would take longer than hashing the whole file, whose digest says that it is sound. So the checksum
   * that a place states has only to fit the trailer.
   */
  async *#unpacked(run: Run): AsyncGenerator<Uint8Array> {
    const meter = new RunMeter(run, run.crc32 === undefined)
    for await (const chunk of unpack(this.#take(run.compressedSize), run)) {
      meter.add(chunk)
      yield chunk
    }
    this.#done.push(meter.result())
  }

  async *#take(size: number): AsyncIterable<Buffer> {
    for (let left = size; left > 0;) {
      const piece = await this.#reader.some(left)
      if (piece === undefined) throw corrupt()
      left -= piece.length
      yield piece
    }
  }
}

/** Adds up what comes out of a run, and says at its end whether that is what should. */
class RunMeter {
  readonly #run: Run
  readonly #countsCrc32: boolean
  #size = 0
  #crc32 = 0

  constructor(run: Run, countsCrc32: boolean) {
    this.#run = run
    this.#countsCrc32 = countsCrc32
  }

  add(chunk: Uint8Array): void {
    this.#size += chunk.length
    if (this.#countsCrc32) this.#crc32 = crc32(chunk, this.#crc32)
    if (this.#run.size !== undefined && this.#size > this.#run.size) throw corrupt()
  }

  result(): DeflateResult {
    const { size = this.#size, crc32 = this.#crc32, compressedSize } = this.#run
    if (size !== this.#size || (this.#countsCrc32 && crc32 !== this.#crc32)) throw corrupt()
    return { size, crc32, compressedSize }
  }
}

async function* unpack(source: AsyncIterable<Buffer>, { compressedSize, size = Infinity }: Run): Bytes {
  if (size <= MIDDLE && compressedSize <= MIDDLE) {
    yield* await unpackWhole(await gather(source), size)
    return
  }
  const inflater = createInflateRaw(options())
  // Errors of either end surface in the iteration below.
  pipeline(source, inflater, () => {})
  try {
    for await (const chunk of inflater) yield chunk as Buffer
  } catch (cause) {
    throw corrupt(cause)
  }
  expectWhole(inflater, compressedSize)
}

/** After a last block the rest is passed over in silence, but other readers of the file would find something there. */
function expectWhole({ bytesWritten }: { readonly bytesWritten: number }, compressedSize: number): void {
  if (bytesWritten !== compressedSize) throw corrupt()
}

async function unpackWhole(bytes: Buffer, size: number): Promise<readonly Uint8Array[]> {
  const stored = storedBytes(bytes)
  if (stored !== undefined) return stored
  // A byte more than is right shows that it is wrong. The usual chunks would be a hundred times what a small file needs.
  const ofKnownSize = { ...options(), chunkSize: Math.max(size + 1, 64), maxOutputLength: size + 1, info: true }
  try {
    const { buffer, engine } = size <= SMALL ? inflateSync(bytes, ofKnownSize) : await inflate(bytes, ofKnownSize)
    expectWhole(engine, bytes.length)
    return [buffer]
  } catch (cause) {
    throw corrupt(cause)
  }
}

/** The compressed bytes as they are, unpacked on the side to see whether they are what they should be. */
async function* checked(source: AsyncIterable<Buffer>, run: RunPlace, onResult: (result: DeflateResult) => void): Bytes {
  const meter = new RunMeter(run, true)
  if (run.size <= MIDDLE && run.compressedSize <= MIDDLE) {
    const bytes = await gather(source)
    for (const piece of await unpackWhole(bytes, run.size)) meter.add(piece)
    onResult(meter.result())
    yield bytes
    return
  }
  const inflater = createInflateRaw(options())
  const unpacked = addAll(inflater, meter)
  // Awaited below; until then a failure must not count as unhandled.
  unpacked.catch(() => {})
  try {
    for await (const chunk of source) {
      if (!inflater.write(chunk)) await Promise.race([once(inflater, 'drain').catch(() => unpacked), unpacked])
      yield chunk
    }
    inflater.end()
    await unpacked
    expectWhole(inflater, run.compressedSize)
  } finally {
    inflater.destroy()
  }
  onResult(meter.result())
}

async function addAll(inflater: AsyncIterable<Buffer>, meter: RunMeter): Promise<void> {
  try {
    for await (const chunk of inflater) meter.add(chunk)
  } catch (cause) {
    throw corrupt(cause)
  }
}

async function gather(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of source) chunks.push(chunk)
  const [first] = chunks
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks)
}

function corrupt(cause?: unknown): LinuxkitError {
  if (cause instanceof LinuxkitError) return cause
  return new LinuxkitError('archive/corrupt', 'the gzip data is damaged, or not what its index says', { cause })
}
