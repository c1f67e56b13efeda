import type { Digest } from '../base/digest.js'
import type { Entry } from '../archive/entry.js'

/** What one line of the yml adds to the tree. */
export interface Part {
  /** The line: `kernel`, `init[2]`, `volume[0]`, `onboot[1]`, `services[0]`, `files[3]`, `sbom`. */
  readonly location: string
  /** Where its content comes from, in the user's words: an image name, or what made it. */
  readonly source: string
  /** Digest of all that the entries depend on; known without reading a layer. */
  readonly key: Digest
  /** The part's objects in their order. Each call reads anew; the content of an entry must be read before the next entry is asked for. */
  entries(signal: AbortSignal): AsyncIterable<Entry>
}

/** Says in PAX records which line of the yml an entry comes from, so that a tar can be taken apart again. */
export async function* stamped(entries: AsyncIterable<Entry>, source: string, location: string): AsyncIterable<Entry> {
  for await (const one of entries) {
    yield { ...one, pax: new Map([...one.pax, ['LINUXKIT.source', source], ['LINUXKIT.location', location]]) }
  }
}
