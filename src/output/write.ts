import { dirname } from 'node:path'
import { openAtomic, sweepTemporaries, type AtomicFile } from '../base/files.js'
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
      await file.writeAll(untilAborted(content.open(), signal))
    }
    for (const file of opened) await file.commit()
  } finally {
    for (const file of opened) await file[Symbol.asyncDispose]()
  }
  return files.map(({ suffix }) => base + suffix)
}

async function* untilAborted(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    signal.throwIfAborted()
    yield chunk
  }
}
