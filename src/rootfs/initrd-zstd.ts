import { bytesContent, concatContents } from '../base/content.js'
import { writeCpioPieces } from '../archive/cpio.js'
import { isBytes, type Piece } from '../archive/deflate-runs.js'
import type { Entry } from '../archive/entry.js'
import { gzip } from '../archive/gzip.js'
import { frameCompressor, rawFrame, type CompressFrame } from '../archive/zstd-frames.js'
import { ByteBudget } from './byte-budget.js'
import type { InitrdCompressor } from './initrd-encoder.js'

/**
 * Entries are gathered into a frame until they have this many bytes. The encoder works on two thirds of what the processor's cache holds, and so takes half the
 * time that it takes for frames of several megabytes, for one percent in size.
 */
const FRAME_SIZE = 1 << 20

/**
 * A frame is compressed from memory, and must not end within a file. A file larger than this becomes a gzip member instead, which is compressed as it streams by, or has been
 * already; the kernel takes either.
 */
const LARGEST_FRAME = 54 << 20
const LARGE_FILE_LEVEL = 6

/** More than the header of any entry takes, with the longest path that Linux knows. */
const HEADER = 1 << 13

/** Bytes that all parts together may hold in frames that are not written yet. */
const IN_MEMORY = LARGEST_FRAME + (2 << 20)

/** Frames of a part that are being compressed, or wait for one before them. */
const IN_FLIGHT = 4

/**
 * One cpio archive in frames that end between two entries, as the kernel wants it (init/initramfs.c, unpack_to_rootfs: after each compressed piece the
 * archive has to be between entries).
 * @param level 1 to 19
 */
export function zstdInitrd(level: number): InitrdCompressor<{ readonly size: number }> {
  const memory = new FrameMemory()
  return {
    id: `zstd ${level} frames of ${FRAME_SIZE}`,
    encode(entries, signal) {
      const writer = new FrameWriter(level, memory)
      return { bytes: writer.write(entries, signal), facts: () => ({ size: writer.size }) }
    },
    join: (fragments, end) => concatContents([...fragments.map(({ content }) => content), bytesContent(rawFrame(endOfFrame(end)))]),
  }
}

/** A raw frame has at least 256 bytes; more zeros after the trailer mean nothing. */
function endOfFrame(end: Uint8Array): Uint8Array {
  return end.length >= 256 ? end : Buffer.concat([end, new Uint8Array(512)])
}

const isLarge = ({ type, content }: Entry): boolean => type === 'file' && content.size > LARGEST_FRAME

class FrameWriter {
  /** Bytes of the archive. */
  size = 0
  readonly #level: number
  readonly #memory: FrameMemory
  /** The entry that the next piece begins; the one before has been written to its end. */
  #next: Entry | undefined

  constructor(level: number, memory: FrameMemory) {
    this.#level = level
    this.#memory = memory
  }

  async *write(entries: AsyncIterable<Entry>, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const compress = await frameCompressor(this.#level)
    const pieces = writeCpioPieces(this.#watched(entries), isLarge)[Symbol.asyncIterator]()
    const inFlight: InFlight[] = []
    let frame: Frame | undefined
    try {
      let piece = await pieces.next()
      while (piece.done !== true) {
        signal.throwIfAborted()
        const begun = this.#takeNext()
        if (frame !== undefined && begun !== undefined && !frame.hasRoomFor(begun.content.size + HEADER)) {
          inFlight.push(frame.compress(compress))
          frame = undefined
          while (inFlight.length >= IN_FLIGHT) yield* next(inFlight)
        }
        if (begun !== undefined && isLarge(begun)) {
          while (inFlight.length > 0) yield* next(inFlight)
          const member = this.#member(piece.value, pieces)
          yield* gzip(member.pieces, LARGE_FILE_LEVEL)
          piece = member.following()
          continue
        }
        if (frame === undefined) {
          const size = (begun?.content.size ?? 0) + HEADER
          // What waits for memory must not hold any.
          while ((frame = this.#memory.openNow(size)) === undefined && inFlight.length > 0) yield* next(inFlight)
          frame ??= await this.#memory.open(size, signal)
        }
        if (!isBytes(piece.value)) throw new Error('only large files come as runs')
        frame.add(piece.value)
        this.size += piece.value.length
        piece = await pieces.next()
      }
      if (frame !== undefined) inFlight.push(frame.compress(compress))
      frame = undefined
      while (inFlight.length > 0) yield* next(inFlight)
    } finally {
      frame?.discard()
      await Promise.allSettled(inFlight.map(({ compressed }) => compressed))
      for (const { release } of inFlight) release()
      await pieces.return?.()
    }
  }

  /** The pieces of an entry, of which the first is given; afterwards the one that follows. */
  #member(first: Piece, pieces: AsyncIterator<Piece>): LargeMember {
    let following: IteratorResult<Piece> = { done: false, value: first }
    const taken = async function* (this: FrameWriter): AsyncIterable<Piece> {
      while (following.done !== true && this.#next === undefined) {
        this.size += isBytes(following.value) ? following.value.length : following.value.size
        yield following.value
        following = await pieces.next()
      }
    }
    return { pieces: taken.call(this), following: () => following }
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
  readonly pieces: AsyncIterable<Piece>
  following(): IteratorResult<Piece>
}

/** Where frames get their memory. Buffers of the usual size are used again: getting them from the system takes longer than filling them. */
class FrameMemory {
  readonly #budget = new ByteBudget(IN_MEMORY)
  readonly #unused: Buffer[] = []

  /** Waits until there is memory for a frame of at least so many bytes. */
  async open(size: number, signal: AbortSignal): Promise<Frame> {
    const capacity = Math.max(FRAME_SIZE, size)
    return this.#frame(capacity, await this.#budget.take(capacity, signal))
  }

  /** A frame if there is memory for it now. */
  openNow(size: number): Frame | undefined {
    const capacity = Math.max(FRAME_SIZE, size)
    const release = this.#budget.takeNow(capacity)
    return release && this.#frame(capacity, release)
  }

  #frame(capacity: number, release: () => void): Frame {
    const bytes = (capacity === FRAME_SIZE ? this.#unused.pop() : undefined) ?? Buffer.allocUnsafeSlow(capacity)
    return new Frame(bytes, () => {
      if (capacity === FRAME_SIZE) this.#unused.push(bytes)
      release()
    })
  }
}

/** Bytes of the archive until they are compressed. */
class Frame {
  readonly #bytes: Buffer
  #size = 0
  readonly #release: () => void

  constructor(bytes: Buffer, release: () => void) {
    this.#bytes = bytes
    this.#release = release
  }

  hasRoomFor(size: number): boolean {
    return this.#size + size <= this.#bytes.length
  }

  add(chunk: Uint8Array): void {
    this.#bytes.set(chunk, this.#size)
    this.#size += chunk.length
  }

  compress(compress: CompressFrame): InFlight {
    const compressed = compress(this.#bytes.subarray(0, this.#size))
    // Awaited when its turn comes; until then a failure must not count as unhandled.
    compressed.catch(() => {})
    return { compressed, release: this.#release }
  }

  discard(): void {
    this.#release()
  }
}

/** A frame that is being compressed, or waits to be written: what does not compress takes as much memory afterwards. */
interface InFlight {
  readonly compressed: Promise<Buffer>
  readonly release: () => void
}

async function* next(inFlight: InFlight[]): AsyncIterable<Uint8Array> {
  const first = inFlight[0]
  if (first === undefined) return
  yield await first.compressed
  inFlight.shift()
  first.release()
}
