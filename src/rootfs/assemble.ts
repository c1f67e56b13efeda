import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { digestOf, type Digest } from '../base/digest.js'
import { TEMPORARY_PREFIX } from '../base/files.js'
import { inParallel } from '../base/parallel.js'
import { PROGRAM } from '../base/program.js'
import type { Progress } from '../base/progress.js'
import type { Encoder, Fragment } from './encoder.js'
import { FragmentStore } from './fragment-store.js'
import type { Part } from './part.js'

export interface AssembleOptions {
  /** Where fragments are kept for later builds, as far as it is worth it. */
  readonly fragmentDirectory: string
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** The joined result of all parts. Its contents are read from files that may vanish with it. */
export interface Assembled<Joined> extends AsyncDisposable {
  readonly joined: Joined
}

/** Another view of a joined result, which lives as long as the result. */
export function mapJoined<From, To>(assembled: Assembled<From>, view: (joined: From) => To): Assembled<To> {
  return { joined: view(assembled.joined), [Symbol.asyncDispose]: () => assembled[Symbol.asyncDispose]() }
}

/** Fragments beyond this many bytes are removed, those that have not been used for longest first. */
const KEPT_BYTES = 8e9

/**
 * Encodes the parts, several at a time, and joins the fragments in the order of the plan; of a part that has been encoded before no layer is
 * opened. The bytes do not depend on which part is finished first: every fragment is on disk by itself, so memory stays bounded too.
 */
export async function assemble<Facts, Joined>(
  parts: readonly Part[],
  encoder: Encoder<Facts, Joined>,
  options: AssembleOptions,
): Promise<Assembled<Joined>> {
  const { fragmentDirectory, progress } = options
  await mkdir(fragmentDirectory, { recursive: true })
  const directory = encoder.kept ? fragmentDirectory : await mkdtemp(join(fragmentDirectory, TEMPORARY_PREFIX))
  const dispose = async (): Promise<void> => {
    if (!encoder.kept) await rm(directory, { recursive: true, force: true })
  }
  const store = new FragmentStore(directory)
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  let made = false

  const encodeOne = async (part: Part): Promise<Fragment<Facts>> => {
    signal.throwIfAborted()
    const id = `${encoder.id} ${part.location}`
    const key = fragmentKey(part, encoder)
    progress({ type: 'start', id, title: `${part.location} ${part.source}` })
    const kept = await store.find(key)
    if (kept !== undefined) {
      progress({ type: 'finish', id, note: 'as before' })
      return { ...kept, facts: kept.facts as Facts }
    }
    made = true
    const fragment = await store.add(key, async ({ content, setAside }) => {
      const encoding = encoder.encode(part, { signal, setAside })
      await content(reported(encoding.bytes, id, progress))
      return encoding.facts()
    })
    progress({ type: 'finish', id })
    return { ...fragment, facts: fragment.facts as Facts }
  }

  try {
    const fragments = await inParallel(parts, availableParallelism() + 1, encodeOne, (error) => failure.abort(error))
    if (made) await new FragmentStore(fragmentDirectory).prune(KEPT_BYTES)
    return { joined: await encoder.join(fragments), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Fragments of another version of this program are not taken. */
function fragmentKey(part: Part, encoder: { readonly id: string }): Digest {
  return digestOf(JSON.stringify([PROGRAM, encoder.id, part.key]))
}

async function* reported(source: AsyncIterable<Uint8Array>, id: string, progress: Progress): AsyncIterable<Uint8Array> {
  let done = 0
  for await (const chunk of source) {
    done += chunk.length
    progress({ type: 'advance', id, done })
    yield chunk
  }
}
