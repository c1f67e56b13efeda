import { copyContent, type Content, type Range, type WriteAt } from '../base/content.js'

/** Content at a place of a medium. */
export interface Extent {
  /** Of the first byte, from the beginning of the medium. */
  readonly offset: number
  readonly content: Content
}

/** A medium, or a part of one: content at offsets, and between them holes, which read as zeros. */
export interface Extents {
  /** Of the medium in bytes, holes included. */
  readonly size: number
  /** In the order of their offsets; they do not overlap and lie within the size. Empty contents are left out. */
  readonly extents: readonly Extent[]
}

/** Sorts extents and checks that they make a medium. @throws {Error} when they overlap or lie outside, which is a defect of whoever laid them out */
export function layOut(size: number, unsorted: Iterable<Extent>): Extents {
  const extents = [...unsorted].filter(({ content }) => content.size > 0).sort((a, b) => a.offset - b.offset)
  let end = 0
  for (const { offset, content } of extents) {
    if (offset < end) throw new Error(`an extent at ${offset} overlaps the one that ends at ${end}`)
    end = offset + content.size
  }
  if (end > size) throw new Error(`an extent ends at ${end}, beyond the size ${size} of its medium`)
  return { size, extents }
}

/** The extents of a part of a larger medium, as extents of the latter. */
export function shifted({ extents }: Extents, by: number): readonly Extent[] {
  return extents.map(({ offset, content }) => ({ offset: offset + by, content }))
}

/** The medium as one content, holes as zeros. */
export function mediumContent({ size, extents }: Extents): Content {
  return extentsContent(size, () => extents)
}

/**
 * A medium as one content, holes as zeros, of extents that may be made only as they are read.
 * @param extents in the order of their offsets, the same ones on each call
 */
export function extentsContent(size: number, extents: () => Iterable<Extent>): Content {
  return {
    size,
    async *open(range: Range = { start: 0, end: size }) {
      for (const piece of piecesOf(extents(), range)) {
        const check = new LengthCheck(piece)
        for await (const chunk of piece.content.open(piece.part)) {
          check.add(chunk)
          yield chunk
        }
        check.finish()
      }
    },
    async copy(write, range) {
      let done = 0
      for (const piece of piecesOf(extents(), range)) {
        const before = done
        const check = new LengthCheck(piece)
        const checked: WriteAt = (chunk, offset) => {
          check.add(chunk)
          return write(chunk, before + offset)
        }
        await copyContent(piece.content, checked, piece.part)
        check.finish()
        done += piece.part.end - piece.part.start
      }
    },
  }
}

/** What is to be read of an extent or a hole. */
interface Piece extends Extent {
  readonly part: Range
}

/** Whoever lays out extents relies on the sizes of their contents. */
class LengthCheck {
  readonly #piece: Piece
  #done = 0

  constructor(piece: Piece) {
    this.#piece = piece
  }

  add({ length }: Uint8Array): void {
    this.#done += length
  }

  finish(): void {
    const { offset, part } = this.#piece
    const length = part.end - part.start
    if (this.#done !== length) throw new Error(`the content of an extent at ${offset} has ${this.#done} bytes instead of ${length}`)
  }
}

function* piecesOf(extents: Iterable<Extent>, { start, end }: Range): Iterable<Piece> {
  let position = start
  const hole = (to: number): Piece => ({ offset: position, content: zeros(to - position), part: { start: 0, end: to - position } })
  for (const { offset, content } of extents) {
    if (offset >= end) break
    const last = Math.min(offset + content.size, end)
    if (last <= position) continue
    if (offset > position) {
      yield hole(offset)
      position = offset
    }
    yield { offset, content, part: { start: position - offset, end: last - offset } }
    position = last
  }
  if (position < end) yield hole(end)
}

const ZEROS = new Uint8Array(1 << 18)

/** A run of zeros. */
export function zeros(size: number): Content {
  return {
    size,
    async *open({ start, end }: Range = { start: 0, end: size }) {
      for (let left = end - start; left > 0; left -= ZEROS.length) yield left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS
    },
  }
}
