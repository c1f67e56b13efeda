import { bytesContent, concatContents } from '../base/content.js'
import { writeCpio } from '../archive/cpio.js'
import type { Entry } from '../archive/entry.js'
import { gzip } from '../archive/gzip.js'
import { frameCompressor, rawFrame, type CompressFrame } from '../archive/zstd-frames.js'
import { ByteBudget } from './byte-budget.js'
import type { InitrdCompressor } from './initrd-encoder.js'

/** Entries are gathered into a frame until they have this many bytes. The unit of work, so not too large, and of what repetitions are found in, so not too small. */
const FRAME_SIZE = 4 << 20

/** A frame is compressed from memory. A file larger than this becomes a gzip member instead, which is compressed as it streams by; the kernel takes either. */
const LARGEST_FRAME = 48 << 20
const LARGE_FILE_LEVEL = 6

/** Bytes that all parts together may hold in frames that are not compressed yet. */
const IN_MEMORY = 64 << 20

/** Frames of a part that wait for their turn. */
const IN_FLIGHT = 4

/**
 * One cpio archive in frames that end between two entries, as the kernel wants it (init/initramfs.c, unpack_to_rootfs: after each compressed piece the
 * archive has to be between entries).
 * @param level 1 to 19
 */
export function zstdInitrd(level: number): InitrdCompressor<{ readonly size: number }> {
  const budget = new ByteBudget(IN_MEMORY)
  return {
    id: `zstd ${level} frames of ${FRAME_SIZE}`,
    encode(entries, signal) {
      const writer = new FrameWriter(level, budget)
      return { bytes: writer.write(entries, signal), facts: () => ({ size: writer.size }) }
    },
    join: (fragments, end) => concatContents([...fragments.map(({ content }) => content), bytesContent(rawFrame(endOfFrame(end)))]),
  }
}

/** A raw frame has at least 256 bytes; more zeros after the trailer mean nothing. */
function endOfFrame(end: Uint8Array): Uint8Array {
  return end.length >= 256 ? end : Buffer.concat([end, new Uint8Array(512)])
}

class FrameWriter {
  /** Bytes of the archive. */
  size = 0
  readonly #level: number
  readonly #budget: ByteBudget
  /** The entry that the next chunk begins; the one before has been written to its end. */
  #next: Entry | undefined

  constructor(level: number, budget: ByteBudget) {
    this.#level = level
    this.#budget = budget
  }

  async *write(entries: AsyncIterable<Entry>, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const compress = await frameCompressor(this.#level)
    const chunks = writeCpio(this.#watched(entries))[Symbol.asyncIterator]()
    const inFlight: Promise<Buffer>[] = []
    let frame: Frame | undefined
    try {
      for (let chunk = await chunks.next(); chunk.done !== true;) {
        signal.throwIfAborted()
        const begun = this.#takeNext()
        const full = begun !== undefined && frame !== undefined && frame.size + begun.content.size > FRAME_SIZE
        if (frame !== undefined && full) {
          inFlight.push(frame.compress(compress))
          frame = undefined
          while (inFlight.length >= IN_FLIGHT) yield* next(inFlight)
        }
        if (begun !== undefined && begun.content.size > LARGEST_FRAME) {
          while (inFlight.length > 0) yield* next(inFlight)
          const member = this.#member(chunk.value, chunks)
          yield* gzip(member.bytes, LARGE_FILE_LEVEL)
          chunk = member.following()
          continue
        }
        frame ??= await Frame.open(this.#budget, Math.max(FRAME_SIZE, (begun?.content.size ?? 0) + HEADERS), signal)
        frame.add(chunk.value)
        this.size += chunk.value.length
        chunk = await chunks.next()
      }
      if (frame !== undefined) inFlight.push(frame.compress(compress))
      frame = undefined
      while (inFlight.length > 0) yield* next(inFlight)
    } finally {
      frame?.discard()
      await Promise.allSettled(inFlight)
      await chunks.return?.()
    }
  }

  /** The chunks of an entry, of which the first is given; afterwards the chunk that follows. */
  #member(first: Uint8Array, chunks: AsyncIterator<Uint8Array>): LargeMember {
    let following: IteratorResult<Uint8Array> = { done: false, value: first }
    const bytes = async function* (this: FrameWriter): AsyncIterable<Uint8Array> {
      while (following.done !== true && this.#next === undefined) {
        this.size += following.value.length
        yield following.value
        following = await chunks.next()
      }
    }
    return { bytes: bytes.call(this), following: () => following }
  }

  async *#watched(entries: AsyncIterable<Entry>): AsyncIterable<Entry> {
    for await (const one of entries) {
      this.#next = one
      yield one
    }
  }

  #takeNext(): Entry | undefined {
    const taken = this.#next
    this.#next = undefined
    return taken
  }
}

interface LargeMember {
  readonly bytes: AsyncIterable<Uint8Array>
  following(): IteratorResult<Uint8Array>
}

/** More than the header of any entry takes, with the longest path that Linux knows. */
const HEADERS = 1 << 13

/** Bytes of the archive until they are compressed. */
class Frame {
  size = 0
  readonly #chunks: Uint8Array[] = []
  readonly #release: () => void

  private constructor(release: () => void) {
    this.#release = release
  }

  /** Waits until there is memory for so many bytes. */
  static async open(budget: ByteBudget, size: number, signal: AbortSignal): Promise<Frame> {
    return new Frame(await budget.take(size, signal))
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.size += chunk.length
  }

  compress(compress: CompressFrame): Promise<Buffer> {
    const compressed = compress(Buffer.concat(this.#chunks.splice(0), this.size)).finally(this.#release)
    // Awaited when its turn comes; until then a failure must not count as unhandled.
    compressed.catch(() => {})
    return compressed
  }

  discard(): void {
    this.#release()
  }
}

async function* next(inFlight: Promise<Buffer>[]): AsyncIterable<Uint8Array> {
  const frame = await inFlight.shift()
  if (frame !== undefined) yield frame
}
