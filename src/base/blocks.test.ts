import { array, assert, asyncProperty, integer, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { inBlocks } from './blocks.js'

test('blocks are of one size but the last, however the stream was cut', () =>
  assert(
    asyncProperty(array(uint8Array({ maxLength: 30 })), integer({ min: 1, max: 40 }), async (chunks, size) => {
      const blocks: Uint8Array[] = []
      for await (const block of inBlocks(chunks, size)) blocks.push(block)
      const all = Buffer.concat(chunks)
      expect(Buffer.concat(blocks)).toEqual(all)
      expect(blocks.map(({ length }) => length)).toEqual(blocks.map((_, index) => Math.min(size, all.length - index * size)))
      expect(blocks.length).toBe(Math.ceil(all.length / size))
    }),
  ))
