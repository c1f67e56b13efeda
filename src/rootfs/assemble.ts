import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileContent, type Content } from '../base/content.js'
import { sweepTemporaries, TEMPORARY_PREFIX } from '../base/files.js'
import { inParallel } from '../base/parallel.js'
import type { Progress } from '../base/progress.js'
import type { Encoder, Fragment } from './encoder.js'
import type { Part } from './part.js'

export interface AssembleOptions {
  /** Fragments are spooled in a directory of their own below this one; it goes when the result is disposed of. */
  readonly spoolDirectory: string
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** The joined result of all parts. Its contents are read from files that vanish with it. */
export interface Assembled<Joined> extends AsyncDisposable {
  readonly joined: Joined
}

/**
 * Encodes the parts, several at a time, and joins the fragments in the order of the plan. The bytes do not depend on which part is finished
 * first: every fragment is spooled to disk by itself, so memory stays bounded too.
 */
export async function assemble<Facts, Joined>(
  parts: readonly Part[],
  encoder: Encoder<Facts, Joined>,
  options: AssembleOptions,
): Promise<Assembled<Joined>> {
  const { spoolDirectory, progress } = options
  await mkdir(spoolDirectory, { recursive: true })
  await sweepTemporaries(spoolDirectory)
  const directory = await mkdtemp(join(spoolDirectory, TEMPORARY_PREFIX))
  const dispose = (): Promise<void> => rm(directory, { recursive: true, force: true })
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])

  let files = 0
  const spool = async (source: AsyncIterable<Uint8Array>): Promise<Content> => {
    const path = join(directory, String(files++))
    await pipeline(Readable.from(source, { objectMode: false, highWaterMark: 1 << 20 }), createWriteStream(path), { signal })
    return fileContent(path, 0, (await stat(path)).size)
  }

  const encodeOne = async (part: Part): Promise<Fragment<Facts>> => {
    const id = `${encoder.id} ${part.location}`
    progress({ type: 'start', id, title: `${part.location} ${part.source}` })
    const encoding = encoder.encode(part, { signal, setAside: spool })
    const content = await spool(reported(encoding.bytes, id, progress))
    progress({ type: 'finish', id })
    return { content, facts: encoding.facts() }
  }

  try {
    const fragments = await inParallel(parts, availableParallelism() + 1, encodeOne, (error) => failure.abort(error))
    return { joined: await encoder.join(fragments), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function* reported(source: AsyncIterable<Uint8Array>, id: string, progress: Progress): AsyncIterable<Uint8Array> {
  let done = 0
  for await (const chunk of source) {
    done += chunk.length
    progress({ type: 'advance', id, done })
    yield chunk
  }
}
