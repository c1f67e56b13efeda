import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { milliseconds } from '../base/clock.js'
import { bytesContent } from '../base/content.js'
import { digestOf, type Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { temporaryName } from '../base/files.js'
import { inParallel } from '../base/parallel.js'
import { PROGRAM } from '../base/program.js'
import type { Progress } from '../base/progress.js'
import type { Entry } from '../archive/entry.js'
import type { EncodeContext, Encoder, Fragment } from './encoder.js'
import { FragmentStore } from './fragment-store.js'
import { stampedEntries, type Part } from './part.js'

export interface AssembleOptions {
  /** Where fragments are kept for later builds, as far as it is worth it. */
  readonly fragmentDirectory: string
  /** Is told of every part. */
  readonly onPart?: ((report: PartReport) => void) | undefined
  /** How many parts are encoded at once; by default one more than there are processors, for one waits for the disk. */
  readonly jobs?: number | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** What became of a part. */
export interface PartReport {
  readonly part: Part
  /** Names the encoder and its options. */
  readonly encoder: string
  /** `kept`: its fragment was there; `made`: it was encoded; `small`: it is encoded each time. */
  readonly state: 'kept' | 'made' | 'small'
  /** Bytes of the fragment; undefined for a small part, which shares one with its neighbours. */
  readonly size: number | undefined
  readonly milliseconds: number
}

/** The joined result of all parts. Its contents are read from files that may vanish with it. */
export interface Assembled<Joined> extends AsyncDisposable {
  readonly joined: Joined
}

/**
 * Encodes the parts, several at a time, and joins the fragments in the order of the plan; of a part that has been encoded before no layer is
 * opened. The bytes do not depend on which part is finished first: every large fragment is on disk by itself, so memory stays bounded too.
 */
export async function assemble<Facts, Joined>(
  parts: readonly Part[],
  encoder: Encoder<Facts, Joined>,
  options: AssembleOptions,
): Promise<Assembled<Joined>> {
  const { fragmentDirectory } = options
  await mkdir(fragmentDirectory, { recursive: true })
  const directory = encoder.kept ? fragmentDirectory : await mkdtemp(join(fragmentDirectory, `${temporaryName()}-`))
  const dispose = async (): Promise<void> => {
    if (!encoder.kept) await rm(directory, { recursive: true, force: true })
  }
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const work = new EncodingWork(encoder, new FragmentStore(directory, encoder.kept), { ...options, signal })
  try {
    const units = [...unitsOf(parts)]
    const fragments: Fragment<Facts>[] = []
    await inParallel(
      heaviestFirst(units),
      options.jobs ?? availableParallelism() + 1,
      async ({ unit, index }) => {
        fragments[index] = await (Array.isArray(unit) ? work.small(unit) : work.large(unit))
      },
      (error) => failure.abort(error),
    )
    if (work.made) await new FragmentStore(fragmentDirectory).prune()
    return { joined: await encoder.join(fragments), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Small parts that follow each other make one fragment. */
function* unitsOf(parts: readonly Part[]): Iterable<Unit> {
  let small: Part[] = []
  for (const part of parts) {
    if (part.small) {
      small.push(part)
      continue
    }
    if (small.length > 0) yield small
    small = []
    yield part
  }
  if (small.length > 0) yield small
}

type Unit = Part | Part[]

/** What takes longest comes first, so that nothing large is left to the end, when the other processors have nothing more to do. */
function heaviestFirst(units: readonly Unit[]): readonly { readonly unit: Unit; readonly index: number }[] {
  const weight = (unit: Unit): number => (Array.isArray(unit) ? 0 : unit.weight)
  return units.map((unit, index) => ({ unit, index })).sort((a, b) => weight(b.unit) - weight(a.unit) || a.index - b.index)
}

class EncodingWork<Facts, Joined> {
  /** Whether any fragment is new. */
  made = false
  readonly #encoder: Encoder<Facts, Joined>
  readonly #store: FragmentStore
  readonly #options: AssembleOptions

  constructor(encoder: Encoder<Facts, Joined>, store: FragmentStore, options: AssembleOptions) {
    this.#encoder = encoder
    this.#store = store
    this.#options = options
  }

  /** The fragment of a part, kept or made. */
  async large(part: Part): Promise<Fragment<Facts>> {
    const { signal, progress } = this.#options
    signal.throwIfAborted()
    const start = milliseconds()
    const id = `${this.#encoder.id} ${part.location} ${part.source}`
    progress({ type: 'start', id, title: `${part.location} ${part.source}` })
    const { fragment, made } = await this.#store
      .findOrAdd(
        fragmentKey(part, this.#encoder),
        async ({ content, setAside }) => {
          const encoding = this.#encoder.encode(this.#withEntries([part]), { signal, setAside })
          await content(reported(encoding.bytes, id, progress))
          return encoding.facts()
        },
        signal,
      )
      .catch((error: unknown) => {
        throw withSource(error, part)
      })
    this.made ||= made
    progress({ type: 'finish', id, note: made ? undefined : 'as before' })
    this.#report(part, made ? 'made' : 'kept', fragment.content.size, start)
    return { ...fragment, facts: fragment.facts as Facts }
  }

  /** The fragment of several small parts, in memory. */
  async small(parts: readonly Part[]): Promise<Fragment<Facts>> {
    const { signal } = this.#options
    const start = milliseconds()
    const aside = new Map<string, Uint8Array>()
    const setAside: EncodeContext['setAside'] = async (name, source) => void aside.set(name, await gather(source))
    const encoding = this.#encoder.encode(this.#withEntries(parts), { signal, setAside })
    const bytes = await gather(encoding.bytes)
    for (const part of parts) this.#report(part, 'small', undefined, start)
    return {
      content: bytesContent(bytes),
      facts: encoding.facts(),
      aside: new Map([...aside].map(([name, content]) => [name, bytesContent(content)])),
    }
  }

  #withEntries(parts: readonly Part[]): Pick<Part, 'entries' | 'present'> {
    const { tellsLine } = this.#encoder
    const entriesOf = (part: Part, signal: AbortSignal): AsyncIterable<Entry> =>
      tellsLine ? stampedEntries(part, signal) : part.entries(signal)
    async function* all(signal: AbortSignal): AsyncIterable<Entry> {
      for (const part of parts) yield* entriesOf(part, signal)
    }
    const [first, ...others] = parts
    return {
      entries: first !== undefined && others.length === 0 ? (signal) => entriesOf(first, signal) : all,
      present: parts.flatMap(({ present }) => present),
    }
  }

  #report(part: Part, state: PartReport['state'], size: number | undefined, start: number): void {
    this.#options.onPart?.({ part, encoder: this.#encoder.id, state, size, milliseconds: milliseconds() - start })
  }
}

async function gather(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What is wrong with an archive is found while it is read; then the line and its image say where to look. */
function withSource(error: unknown, { location, source }: Part): unknown {
  if (!(error instanceof LinuxkitError) || !error.code.startsWith('archive/') || error.message.includes(source)) return error
  const { code, where, hint } = error
  return new LinuxkitError(code, `${location}: ${source}: ${error.message}`, { where, hint, cause: error })
}

/** Fragments of another version of this program are not taken. */
function fragmentKey({ key, location }: Part, { id, tellsLine }: { readonly id: string; readonly tellsLine: boolean }): Digest {
  return digestOf(JSON.stringify([PROGRAM, id, key, ...(tellsLine ? [location] : [])]))
}

async function* reported(source: AsyncIterable<Uint8Array>, id: string, progress: Progress): AsyncIterable<Uint8Array> {
  let done = 0
  for await (const chunk of source) {
    done += chunk.length
    progress({ type: 'advance', id, done })
    yield chunk
  }
}
