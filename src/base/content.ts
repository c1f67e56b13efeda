import { readSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { inParallel } from './parallel.js'

/** A run of bytes: `start` is the first byte, `end` the first one after it. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** Bytes of known size that can be read more than once: a buffer, a slice of a file, a blob of the cache. */
export interface Content {
  /** Length in bytes; `open()` yields exactly as many. */
  readonly size: number
  open(range?: Range): AsyncIterable<Uint8Array>
  /** As {@link copyContent}, where there is a faster way than to open it. */
  readonly copy?: (write: WriteAt, range: Range) => Promise<void>
}

/** Takes bytes and their offset from the beginning of what is copied. The bytes may change once the promise is kept. */
export type WriteAt = (bytes: Uint8Array, offset: number) => Promise<void>

/**
 * Hands the bytes of a content to `write` in pieces, of which several may be at work at once and in any order. What lies in files goes through
 * a few buffers that are used again.
 */
export async function copyContent(content: Content, write: WriteAt, range: Range = { start: 0, end: content.size }): Promise<void> {
  if (content.copy !== undefined) return content.copy(write, range)
  let offset = 0
  for await (const chunk of content.open(range)) {
    await write(chunk, offset)
    offset += chunk.length
  }
}

/** So few bytes are read at once: waking another thread for it takes many times as long, and a tree has thousands of small files. */
const SMALL = 1 << 14

/** Reads from files in pieces of this size: large enough that system calls do not show in a profile. */
export const CHUNK_SIZE = 1 << 20

export const EMPTY: Content = bytesContent(new Uint8Array(0))

/** Content held in memory. */
export function bytesContent(bytes: Uint8Array): Content {
  return { size: bytes.length, open: ({ start, end } = { start: 0, end: bytes.length }) => once(bytes.subarray(start, end)) }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.length > 0) yield bytes
}

/** UTF-8 text held in memory. */
export function textContent(text: string): Content {
  return bytesContent(Buffer.from(text, 'utf8'))
}

/**
 * A slice of a file on disk; it is opened anew for each reading.
 * @param offset first byte of the slice
 * @param size length of the slice in bytes; the reading fails when the file ends before
 */
export function fileContent(path: string, offset: number, size: number): Content {
  return {
    size,
    open: ({ start, end } = { start: 0, end: size }) => readFile(path, offset + start, offset + end),
    async copy(write, { start, end }) {
      const file = await open(path, 'r')
      try {
        await copyOpenFile(file, path, offset + start, offset + end, write)
      } finally {
        await file.close()
      }
    },
  }
}

/** As {@link fileContent}, of a file that stays open: for many small contents, opening takes longer than reading. */
export function openFileContent(file: FileHandle, path: string, offset: number, size: number): Content {
  return {
    size,
    open: ({ start, end } = { start: 0, end: size }) => readOpenFile(file, path, offset + start, offset + end),
    copy: (write, { start, end }) => copyOpenFile(file, path, offset + start, offset + end, write),
  }
}

// Generators by themselves, because a generator that is a closure keeps a prototype of its own once it has been called, and trees have a content for each file.
async function* readFile(path: string, start: number, end: number): AsyncIterable<Uint8Array> {
  const file = await open(path, 'r')
  try {
    yield* readOpenFile(file, path, start, end)
  } finally {
    await file.close()
  }
}

async function* readOpenFile(file: FileHandle, path: string, start: number, end: number): AsyncIterable<Uint8Array> {
  for (let position = start; position < end;) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_SIZE, end - position))
    const bytesRead =
      buffer.length <= SMALL
        ? readSync(file.fd, buffer, 0, buffer.length, position)
        : (await file.read(buffer, 0, buffer.length, position)).bytesRead
    if (bytesRead === 0) throw new Error(`${path} ended at byte ${position}, expected ${end}`)
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** Getting a buffer from the system takes as long as filling it. */
const unused: Buffer[] = []

/** Between two system calls of a piece the others keep the disk and the processors busy. */
const COPIED_AT_ONCE = 4

async function copyOpenFile(file: FileHandle, path: string, start: number, end: number, write: WriteAt): Promise<void> {
  if (end - start <= SMALL) {
    for await (const chunk of readOpenFile(file, path, start, end)) await write(chunk, 0)
    return
  }
  const copyPiece = async (offset: number): Promise<void> => {
    const buffer = unused.pop() ?? Buffer.allocUnsafeSlow(CHUNK_SIZE)
    try {
      const piece = buffer.subarray(0, Math.min(CHUNK_SIZE, end - start - offset))
      for (let done = 0; done < piece.length;) {
        const { bytesRead } = await file.read(piece, done, piece.length - done, start + offset + done)
        if (bytesRead === 0) throw new Error(`${path} ended at byte ${start + offset + done}, expected ${end}`)
        done += bytesRead
      }
      await write(piece, offset)
    } finally {
      unused.push(buffer)
    }
  }
  const pieces = Array.from({ length: Math.ceil((end - start) / CHUNK_SIZE) }, (_, index) => index * CHUNK_SIZE)
  await inParallel(pieces, COPIED_AT_ONCE, copyPiece, () => {})
}

/** A part of a content. */
export function sliceContent(content: Content, start: number, end: number): Content {
  if (start === 0 && end === content.size) return content
  const within = (range: Range): Range => ({ start: start + range.start, end: start + range.end })
  return {
    size: end - start,
    open: (range = { start: 0, end: end - start }) => content.open(within(range)),
    copy: (write, range) => copyContent(content, write, within(range)),
  }
}

/** The contents one after another, as one. */
export function concatContents(parts: readonly Content[]): Content {
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  return {
    size,
    async *open(range = { start: 0, end: size }) {
      for (const { part, within } of partsIn(parts, range)) yield* part.open(within)
    },
    async copy(write, range) {
      let done = 0
      for (const { part, within } of partsIn(parts, range)) {
        const before = done
        await copyContent(part, (bytes, offset) => write(bytes, before + offset), within)
        done += within.end - within.start
      }
    },
  }
}

/** Which of the parts a range touches, and where. */
function* partsIn(parts: readonly Content[], range: Range): Iterable<{ readonly part: Content; readonly within: Range }> {
  let offset = 0
  for (const part of parts) {
    const start = Math.max(range.start - offset, 0)
    const end = Math.min(range.end - offset, part.size)
    if (start < end) yield { part, within: { start, end } }
    offset += part.size
  }
}

/** Gathers a stream into one buffer. Only for what is known to be small: pass the limit in bytes beyond which it fails. */
export async function readAll(source: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    if (size > limit) throw new RangeError(`more than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** The whole of a content as a buffer. Only for what is known to be small. */
export function readContent(content: Content): Promise<Buffer> {
  return readAll(content.open(), content.size)
}
