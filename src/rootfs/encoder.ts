import type { Content } from '../base/content.js'
import type { Part } from './part.js'

/** A part encoded for one format. What joining needs to know of it, such as a checksum, is in `facts`. */
export interface Fragment<Facts> {
  readonly content: Content
  /** Of the file that has the content and nothing else, if there is one. */
  readonly path?: string
  readonly facts: Facts
  /** What was set aside, by name. */
  readonly aside: ReadonlyMap<string, Content>
}

/** The bytes of a fragment as they are made; `facts` may be asked for once the bytes have been read to their end. They are stored as JSON. */
export interface Encoding<Facts> {
  readonly bytes: AsyncIterable<Uint8Array>
  facts(): Facts
}

export interface EncodeContext {
  readonly signal: AbortSignal
  /** Sets bytes aside that belong to the fragment, but not into its stream. */
  readonly setAside: (name: string, source: AsyncIterable<Uint8Array>) => Promise<void>
}

/**
 * Turns the entries of a part into a fragment. Fragments of one encoder do not depend on each other or on their position, and join, in the
 * order of the plan, into one stream.
 */
export interface Encoder<Facts, Joined> {
  /** Names the encoder, its options and whatever else its bytes depend on: equal ids and equal keys of parts mean equal bytes. */
  readonly id: string
  /** Whether fragments are worth keeping for the next build, because making them costs more than reading them. */
  readonly kept: boolean
  /** Whether a fragment says which line of the yml it comes from; the entries do then. */
  readonly tellsLine: boolean
  encode(part: Pick<Part, 'entries' | 'present'>, context: EncodeContext): Encoding<Facts>
  join(fragments: readonly Fragment<Facts>[]): Joined | Promise<Joined>
}
