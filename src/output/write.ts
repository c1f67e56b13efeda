import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { copyContent, type Content, type Range } from '../base/content.js'
import { openAtomic, sweepTemporaries, type AtomicFile } from '../base/files.js'
import { inParallel } from '../base/parallel.js'
import { mediumContent, type Extents } from '../disk/extents.js'
import type { OutputFile } from './format.js'

/** A kernel is written while the initrd beside it is. */
const FILES_AT_ONCE = 2

/**
 * Writes the files of a format under `base` and their suffixes, and returns their paths. All of them are complete before the first gets its
 * name, so a full disk leaves the outputs of an earlier build as they were.
 */
export async function writeFiles(base: string, files: readonly OutputFile[], signal: AbortSignal): Promise<readonly string[]> {
  await sweepTemporaries(dirname(base))
  const failure = new AbortController()
  const failing = AbortSignal.any([signal, failure.signal])
  const opened: AtomicFile[] = []
  try {
    await inParallel(
      files,
      FILES_AT_ONCE,
      async ({ suffix, content }) => {
        const file = await openAtomic(base + suffix, { durable: false })
        opened.push(file)
        if ('extents' in content) await writeRuns(file.temporaryPath, mediumContent(content), runsOf(content), failing)
        else await writeRuns(file.temporaryPath, content, [{ start: 0, end: content.size }], failing)
      },
      (error) => failure.abort(error),
    )
    await inParallel(
      opened,
      FILES_AT_ONCE,
      (file) => file.commit(),
      () => {},
    )
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
    const writer = new GatheringWriter(file)
    for (const run of runs) {
      await copyContent(
        content,
        async (bytes, offset) => {
          signal.throwIfAborted()
          await writer.write(bytes, run.start + offset)
        },
        run,
      )
    }
    await writer.flush()
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

/** As every write takes a trip to the disk, smaller pieces that follow each other are gathered up to this size. */
const GATHERED_SIZE = 1 << 16

/** Writes pieces at their places of a file; any number of them may be at work at once. */
class GatheringWriter {
  readonly #file: FileHandle
  #gathered: Buffer = Buffer.allocUnsafe(GATHERED_SIZE)
  #start = 0
  #filled = 0
  #spare: Buffer | undefined

  constructor(file: FileHandle) {
    this.#file = file
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (bytes.length >= GATHERED_SIZE) return this.#writeWhole(bytes, position)
    while (this.#filled > 0 && (position !== this.#start + this.#filled || this.#filled + bytes.length > GATHERED_SIZE)) await this.flush()
    if (this.#filled === 0) this.#start = position
    this.#gathered.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  async flush(): Promise<void> {
    const full = this.#gathered
    const bytes = full.subarray(0, this.#filled)
    this.#gathered = this.#spare ?? Buffer.allocUnsafe(GATHERED_SIZE)
    this.#spare = undefined
    this.#filled = 0
    await this.#writeWhole(bytes, this.#start)
    this.#spare = full
  }

  async #writeWhole(bytes: Uint8Array, position: number): Promise<void> {
    // A write may end early, as on a disk that becomes full.
    for (let done = 0; done < bytes.length;) {
      done += (await this.#file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
    }
  }
}
