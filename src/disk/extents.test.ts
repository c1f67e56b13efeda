import { array, assert, asyncProperty, nat, tuple, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesContent, readAll, readContent } from '../base/content.js'
import { layOut, mediumContent, shifted, zeros } from './extents.js'

const runs = array(tuple(nat(40), uint8Array({ maxLength: 40 })), { maxLength: 8 })

describe('extents', () => {
  test('read as a buffer with the same pieces in it', () =>
    assert(
      asyncProperty(runs, nat(60), nat(400), nat(400), async (pieces, tail, from, length) => {
        let offset = 0
        const extents = pieces.map(([gap, bytes]) => {
          const extent = { offset: offset + gap, content: bytesContent(bytes) }
          offset += gap + bytes.length
          return extent
        })
        const size = offset + tail
        const expected = Buffer.alloc(size)
        for (const [index, { offset: at }] of extents.entries()) expected.set(pieces[index]?.[1] ?? [], at)
        const content = mediumContent(layOut(size, extents.toReversed()))
        expect(content.size).toBe(size)
        expect(await readContent(content)).toEqual(expected)
        const range = { start: Math.min(from, size), end: Math.min(from + length, size) }
        expect(await readAll(content.open(range), size)).toEqual(expected.subarray(range.start, range.end))
      }),
    ))

  test('of a part keep their distance', () => {
    const [extent] = shifted(layOut(10, [{ offset: 3, content: zeros(2) }]), 100)
    expect(extent?.offset).toBe(103)
  })

  test('that overlap or lie outside are refused', () => {
    const content = bytesContent(Buffer.alloc(4))
    expect(() =>
      layOut(10, [
        { offset: 0, content },
        { offset: 3, content },
      ]),
    ).toThrow('overlaps')
    expect(() => layOut(10, [{ offset: 7, content }])).toThrow('beyond')
  })
})
