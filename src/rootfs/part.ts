import { digestOf, type Digest } from '../base/digest.js'
import type { Entry } from '../archive/entry.js'

/** What one line of the yml adds to the tree, or a piece of that: a container has its image and its bundle. */
export interface Part {
  /** The line: `kernel`, `init[2]`, `volume[0]`, `onboot[1]`, `services[0]`, `files[3]`, `sbom`. */
  readonly location: string
  /** Where its content comes from, in the user's words: an image name, or what made it. */
  readonly source: string
  /** What a tar calls it in the PAX record LINUXKIT.source of every entry; undefined for what has no line of the yml to go back to. */
  readonly stamp: string | undefined
  /** All that the entries depend on, as JSON values with names that a user understands; known without reading a layer. */
  readonly inputs: PartInputs
  /** Digest of the inputs. The line is not among them: what comes to stand on another one stays what it is. */
  readonly key: Digest
  /** Whether it is but a few kilobytes from the yml itself, which are encoded sooner than a kept fragment is found. */
  readonly small: boolean
  /** Directories that are there when the part is unpacked, with those above them, because the part before it on the same line has made them. */
  readonly present: readonly string[]
  /** Bytes that are read for it, about, so that what takes longest is begun first; 0 when that cannot be told. */
  readonly weight: number
  /** The part's objects in their order. Each call reads anew; the content of an entry must be read before the next entry is asked for. */
  entries(signal: AbortSignal): AsyncIterable<Entry>
}

export type PartInputs = Readonly<Record<string, unknown>>

/** A part, with the key of its inputs. */
export function newPart<Members extends Omit<Part, 'key' | 'stamp' | 'small' | 'weight' | 'present'>>(
  members: Members & Partial<Pick<Part, 'stamp' | 'small' | 'weight' | 'present'>>,
): Members & Part {
  return { stamp: undefined, small: false, weight: 0, present: [], ...members, key: digestOf(JSON.stringify(members.inputs)) }
}

/** The part's objects; each says in PAX records which line of the yml it comes from, so that a tar can be taken apart again. */
export async function* stampedEntries(part: Part, signal: AbortSignal): AsyncIterable<Entry> {
  const { stamp, location } = part
  for await (const one of part.entries(signal)) {
    yield stamp === undefined ? one : { ...one, pax: new Map([...one.pax, ['LINUXKIT.source', stamp], ['LINUXKIT.location', location]]) }
  }
}
