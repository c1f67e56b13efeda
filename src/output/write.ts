import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { gathered } from '../base/blocks.js'
import { copyContent, type Content } from '../base/content.js'
import { openAtomic, sweepTemporaries, type AtomicFile } from '../base/files.js'
import { mediumContent, type Extents } from '../disk/extents.js'
import type { OutputFile } from './format.js'
import { untilAborted } from './root-images.js'

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
      if ('extents' in content) await writeMedium(file.temporaryPath, content, signal)
      else {
        await copyContent(content, async (bytes) => {
          signal.throwIfAborted()
          await file.write(bytes)
        })
      }
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

/** Writes a medium into a file that is there and empty. */
async function writeMedium(path: string, medium: Extents, signal: AbortSignal): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const content = mediumContent(medium)
    for (const { start, end } of runsOf(medium)) await writeAt(file, start, gathered(untilAborted(content.open({ start, end }), signal)))
    await file.truncate(medium.size)
  } finally {
    await file.close()
  }
}

function* runsOf({ extents }: Extents): Iterable<{ readonly start: number; readonly end: number }> {
  let run: { readonly start: number; readonly end: number } | undefined
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

async function writeAt(file: FileHandle, start: number, source: AsyncIterable<Uint8Array>): Promise<void> {
  let position = start
  for await (const chunk of source) {
    // A write may end early, as on a disk that becomes full.
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position)
      done += bytesWritten
      position += bytesWritten
    }
  }
}
