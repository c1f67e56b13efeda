import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deflateFragment, gzip, GZIP_HEADER, gzipTrailer } from './gzip.js'
import { chunked, gather, run } from './test-support.js'

/** Half text, half noise, with repetitions that reach across the blocks of 1 MiB. */
function sample(size: number): Buffer {
  const pattern = Buffer.concat([randomBytes(5000), Buffer.alloc(20_000, 'The quick brown fox. ')])
  return Buffer.alloc(size, size === 0 ? undefined : pattern)
}

async function join(parts: readonly Uint8Array[], level: number): Promise<Buffer> {
  const fragments = parts.map((part) => deflateFragment(chunked(part, 70_000), level))
  const deflated = []
  for (const fragment of fragments) deflated.push(await gather(fragment.chunks))
  return Buffer.concat([GZIP_HEADER, ...deflated, gzipTrailer(fragments.map((fragment) => fragment.result()))])
}

function unpacksTo(packed: Buffer, expected: Buffer): boolean {
  run('gzip', ['-t'], packed)
  return run('zcat', [], packed).equals(expected)
}

describe('fragments', () => {
  test('joined, they are one gzip member', async () => {
    const sizes = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1_048_000, max: 1_050_000 })), {
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 0, max: 9 }), async (list, level) => {
        const parts = list.map(sample)
        expect(unpacksTo(await join(parts, level), Buffer.concat(parts))).toBe(true)
      }),
      { numRuns: 6 },
    )
  })

  test('joined in another order', async () => {
    const [a, b, c] = [sample(3_000_000), randomBytes(100_000), sample(1 << 20)]
    expect(unpacksTo(await join([a, b, c], 6), Buffer.concat([a, b, c]))).toBe(true)
    expect(unpacksTo(await join([c, a, b], 6), Buffer.concat([c, a, b]))).toBe(true)
  })

  test('know their CRC and sizes once they are read', async () => {
    const data = sample(2_500_000)
    const fragment = deflateFragment(chunked(data, 9999), 6)
    expect(() => fragment.result()).toThrow('not been read')
    const deflated = await gather(fragment.chunks)
    expect(fragment.result()).toEqual({ crc32: crc32(data), size: data.length, compressedSize: deflated.length })
  })

  test('do not depend on how the source was cut', async () => {
    const data = sample(2_200_000)
    const [whole, cut] = await Promise.all([data.length, 4321].map((size) => gather(deflateFragment(chunked(data, size), 6).chunks)))
    expect(cut?.equals(whole ?? Buffer.alloc(0))).toBe(true)
  })

  test('read ahead a few blocks only', async () => {
    let produced = 0
    async function* endless(): AsyncIterable<Uint8Array> {
      for (;;) {
        produced += 1
        yield Buffer.alloc(1 << 20, produced)
      }
    }
    let taken = 0
    for await (const chunk of deflateFragment(endless(), 1).chunks) {
      taken += Math.min(chunk.length, 1)
      expect(produced - taken).toBeLessThanOrEqual(5)
      if (taken === 10) break
    }
  })

  test("the source's error comes through", async () => {
    async function* failing(): AsyncIterable<Uint8Array> {
      yield sample(3 << 20)
      throw new RangeError('of the source')
    }
    await expect(gather(gzip(failing(), 6))).rejects.toThrow('of the source')
  })
})

test('gzip makes the same bytes every time, without time or name', async () => {
  const data = sample(1_500_000)
  const packed = await gather(gzip(chunked(data), 9))
  expect(packed.equals(await gather(gzip(chunked(data, 1000), 9)))).toBe(true)
  expect(packed.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff')
  expect(unpacksTo(packed, data)).toBe(true)
})

test('an empty stream', async () => {
  expect(unpacksTo(await gather(gzip(chunked(Buffer.alloc(0)), 6)), Buffer.alloc(0))).toBe(true)
})
