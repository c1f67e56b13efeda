import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { copyContent, type Content, type Range } from '../base/content.js'
import { openAtomic, sweepTemporaries, type AtomicFile } from '../base/files.js'
import { mediumContent, type Extents } from '../disk/extents.js'
import type { OutputFile } from './format.js'

/**
 * Writes the files of a format under `base` and their suffixes, and returns their paths. All of them are complete before the first gets its
 * name, so a full disk leaves the outputs of an earlier build as they were.
 */
export async function writeFiles(base: string, files: readonly OutputFile[], signal: AbortSignal): Promise<readonly string[]> {
  await sweepTemporaries(dirname(base))
  const opened: AtomicFile[] = []
  try {
    for (const { suffix, content } of files) {
      const file = await openAtomic(base + suffix, { durable: false })
      opened.push(file)
      if ('extents' in content) await writeRuns(file.temporaryPath, mediumContent(content), runsOf(content), signal)
      else await writeRuns(file.temporaryPath, content, [{ start: 0, end: content.size }], signal)
    }
    for (const file of opened) await file.commit()
  } finally {
    for (const file of opened) await file[Symbol.asyncDispose]()
  }
  return files.map(({ suffix }) => base + suffix)
}

/** The bytes of a file as a stream. */
export function streamed(content: Content | Extents): AsyncIterable<Uint8Array> {
  return 'extents' in content ? mediumContent(content).open() : content.open()
}

/** Holes that are shorter are written out, which takes less time than another write. */
const LEAST_HOLE = 1 << 16

/** Writes runs of a content into a file that is there and empty; the rest becomes holes. */
async function writeRuns(path: string, content: Content, runs: Iterable<Range>, signal: AbortSignal): Promise<void> {
  const file = await open(path, 'r+')
  try {
    for (const run of runs) {
      const writer = new RunWriter(file, run.start)
      await copyContent(
        content,
        async (bytes) => {
          signal.throwIfAborted()
          await writer.write(bytes)
        },
        run,
      )
      await writer.flush()
    }
    await file.truncate(content.size)
  } finally {
    await file.close()
  }
}

function* runsOf({ extents }: Extents): Iterable<Range> {
  let run: Range | undefined
  for (const { offset, content } of extents) {
    const end = offset + content.size
    if (run !== undefined && offset - run.end < LEAST_HOLE) run = { start: run.start, end }
    else {
      if (run !== undefined) yield run
      run = { start: offset, end }
    }
  }
  if (run !== undefined) yield run
}

/** As every write takes a trip to the disk, smaller pieces are gathered up to this size. */
const GATHERED_SIZE = 1 << 16

/** Writes pieces one after another from a place of a file on. */
class RunWriter {
  readonly #file: FileHandle
  readonly #gathered = Buffer.allocUnsafe(GATHERED_SIZE)
  #filled = 0
  #position: number

  constructor(file: FileHandle, start: number) {
    this.#file = file
    this.#position = start
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#filled + bytes.length > GATHERED_SIZE) await this.flush()
    if (bytes.length >= GATHERED_SIZE) return this.#writeWhole(bytes)
    this.#gathered.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  async flush(): Promise<void> {
    await this.#writeWhole(this.#gathered.subarray(0, this.#filled))
    this.#filled = 0
  }

  async #writeWhole(bytes: Uint8Array): Promise<void> {
    // A write may end early, as on a disk that becomes full.
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#position)
      done += bytesWritten
      this.#position += bytesWritten
    }
  }
}
