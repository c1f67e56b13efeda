import { array, assert, asyncProperty, constantFrom, integer, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { gathered, inBlocks } from './blocks.js'

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

test('gathered chunks are the same bytes, and no two of them could be one', () =>
  assert(
    asyncProperty(array(constantFrom(0, 1, 1000, 40000, 65535, 65536, 70000), { maxLength: 12 }), async (sizes) => {
      const chunks = sizes.map((size, index) => Buffer.alloc(size, index))
      const source = async function* () {
        yield* chunks
      }
      const read: Uint8Array[] = []
      for await (const chunk of gathered(source())) read.push(chunk)
      expect(Buffer.concat(read).equals(Buffer.concat(chunks))).toBe(true)
      for (const [index, { length }] of read.slice(1).entries()) expect((read[index]?.length ?? 0) + length).toBeGreaterThan(65536)
    }),
  ))
