import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { array, assert, asyncProperty, constantFrom, integer, oneof, property, record, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunked, gather, run } from './test-support.js'
import { rawBlocks, takeBlocks } from './zstd-blocks.js'
import { PIECE_SIZE, rawFrame, zstdFrame } from './zstd-frame.js'
import { frameCompressor } from './zstd-library.js'
import { firstUnknownMatch } from './zstd-offsets.js'
import { firstRun, matchBlock, resets, runBlocks } from './zstd-run.js'
import { decodeZstd } from './zstd.js'

const HEADER = rawFrame(new Uint8Array()).subarray(0, 6)
const LAST_BLOCK = Uint8Array.of(1, 0, 0)

function noise(size: number, key: string): Buffer {
  return createHash('shake256', { outputLength: size }).update(key).digest()
}

/** Data in which encoders find matches at the offsets that frames begin with: repetitions of 1, 4 and 8 bytes, and what is between them. */
const stretch = oneof(
  record({ period: constantFrom(1, 2, 4, 8, 16), count: integer({ min: 1, max: 300 }), key: integer({ min: 0, max: 20 }) }).map(
    ({ period, count, key }) => Buffer.alloc(period * count, noise(period, `${key}`)),
  ),
  record({ size: integer({ min: 1, max: 3000 }), key: integer({ min: 0, max: 20 }) }).map(({ size, key }) => noise(size, `${key}`)),
  constantFrom('the kernel ', 'lib/modules/').map((text) => Buffer.from(text)),
)

/** Data after which a decoder remembers other offsets than in the beginning. */
function changingOffsets(size: number): Buffer {
  const third = Math.ceil(size / 3)
  return Buffer.concat([37, 41, 43].map((period) => Buffer.alloc(third, noise(period, `${period}`)))).subarray(0, size)
}

async function unpackBothWays(frame: Buffer): Promise<Buffer> {
  const unpacked = run('zstd', ['-dcq'], frame)
  expect((await gather(decodeZstd(chunked(frame, 10_000)))).equals(unpacked)).toBe(true)
  return unpacked
}

describe('a frame', () => {
  test.each([1, 2, 3, 9, 19])('of level %s holds what went in, as other programs read it', (level) =>
    assert(
      asyncProperty(
        array(stretch, { maxLength: 30 }),
        // What the second piece begins with decides.
        constantFrom(0, PIECE_SIZE - 1, PIECE_SIZE, 2 * PIECE_SIZE),
        integer({ min: 1, max: 200_000 }),
        async (stretches, before, chunkSize) => {
          const data = Buffer.concat([changingOffsets(before), ...stretches])
          const frame = zstdFrame(chunked(data, chunkSize), level)
          const unpacked = await unpackBothWays(await gather(frame.chunks))
          expect(unpacked.equals(data)).toBe(true)
          expect(frame.size()).toBe(data.length)
        },
      ),
      { numRuns: level > 9 ? 4 : 15 },
    ),
  )

  test.each([1, 2, 3, 9])('of level %s has no match that only a frame of its own understands', async (level) => {
    for (const size of [10, 100, 5000, 200_000]) {
      const data = Buffer.concat([
        changingOffsets(PIECE_SIZE),
        noise(size, 'a'),
        Buffer.alloc(50, 'y'),
        noise(100, 'b'),
        Buffer.alloc(50, 'z'),
      ])
      expect((await unpackBothWays(await gather(zstdFrame(chunked(data), level).chunks))).equals(data)).toBe(true)
    }
  })

  test('does not depend on how the source was cut, and is hardly larger than those of its pieces', async () => {
    const text = Buffer.concat([
      Buffer.alloc(700_000, 'some text '),
      noise(900_000, 'x'),
      Buffer.alloc(900_000, 'other '),
      Buffer.alloc(100),
    ])
    const frames = await Promise.all([333, 100_000, text.length].map((size) => gather(zstdFrame(chunked(text, size), 2).chunks)))
    for (const frame of frames) expect(frame.equals(frames[0] ?? Buffer.alloc(0))).toBe(true)
    const compress = await frameCompressor(2)
    let sum = 0
    for (let start = 0; start < text.length; start += PIECE_SIZE) sum += (await compress(text.subarray(start, start + PIECE_SIZE))).length
    expect(frames[0]?.length).toBeLessThan(sum + 200)
  })

  test('of a high level is not larger than one of a middle level', async () => {
    const program = (await readFile(process.execPath)).subarray(20 << 20, 23 << 20)
    const sizes = await Promise.all([9, 16, 19].map(async (level) => (await gather(zstdFrame(chunked(program), level).chunks)).length))
    expect(sizes.toSorted((a, b) => b - a)).toEqual(sizes)
  })

  test('can be unpacked in little memory', async () => {
    const frame = await gather(zstdFrame(chunked(Buffer.alloc(40 << 20, 'a large file '), 1 << 20), 2).chunks)
    expect(() => run('zstd', ['-tq', '--memory=1MB'], frame)).not.toThrow()
  })
})

test('a run at the beginning is found, better a long one', () => {
  expect(firstRun(Buffer.from('abcddddde'))).toEqual({ start: 3, end: 8 })
  const long = { start: 10, end: 27 }
  expect(firstRun(Buffer.from(`abcddddde.${'f'.repeat(17)}`))).toEqual(long)
  expect(resets(long)).toBe(true)
  expect(resets({ ...long, end: 26 })).toBe(false)
  for (const text of ['', 'abc', 'aaaab']) expect(firstRun(Buffer.from(text))).toBeUndefined()
})

test('a block with a match says it as other programs understand it', () =>
  assert(
    asyncProperty(
      uint8Array({ maxLength: 5000 }),
      integer({ min: 3, max: 1 << 17 }),
      integer({ min: 1, max: 12 }),
      async (literals, count, offset) => {
        const limited = Math.min(count, (1 << 17) - literals.length)
        const before = Buffer.from('what is before')
        const blocks = [...rawBlocks(before), matchBlock(literals, limited, offset)]
        const data = Buffer.concat([before, literals])
        const expected = Buffer.concat([data, Buffer.alloc(limited, data.subarray(-offset))])
        expect((await unpackBothWays(Buffer.concat([HEADER, ...blocks, LAST_BLOCK]))).equals(expected)).toBe(true)
      },
    ),
    { numRuns: 40 },
  ))

test('after a long run the blocks of any frame can follow', async () => {
  const compress = await frameCompressor(19)
  for (const period of [1, 4, 8]) {
    const before = Buffer.concat([changingOffsets(1000), Buffer.from('x')])
    const data = Buffer.concat([Buffer.from('head'), Buffer.alloc(30, 'r'), Buffer.from('ab'), Buffer.alloc(200, noise(period, 'p'))])
    const run = firstRun(data)
    if (run === undefined) throw new Error('no run')
    const { bytes } = takeBlocks(await compress(data.subarray(run.end)))
    const first = takeBlocks(await compress(before))
    const frame = Buffer.concat([HEADER, first.bytes, ...runBlocks(data, run), bytes, LAST_BLOCK])
    expect((await unpackBothWays(frame)).equals(Buffer.concat([before, data]))).toBe(true)
  }
})

function caught(work: () => unknown): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}

describe('matches at offsets that are not known', () => {
  test('are told with their place', async () => {
    const compress = await frameCompressor(1)
    const data = Buffer.concat([noise(50, 'x'), Buffer.alloc(400, 'y'), noise(50, 'z')])
    const { blocks } = takeBlocks(await compress(data))
    const match = firstUnknownMatch(blocks, false)
    expect(match).toMatchObject({ repeatsByte: true })
    expect(data.subarray(match?.start, match?.end).toString()).toMatch(/^y+$/)
    expect(firstUnknownMatch(blocks, true)).toBeUndefined()
  })

  test('are looked for in damaged blocks without harm', async () => {
    const compress = await frameCompressor(3)
    const frame = await compress(Buffer.concat([Buffer.alloc(3000, 'some text and '), noise(500, 'x'), Buffer.alloc(3000, 'another')]))
    const { blocks } = takeBlocks(frame)
    assert(
      property(integer({ min: 0, max: frame.length }), integer({ min: 1, max: 255 }), (index, change) => {
        const damaged = blocks.map(({ body, ...block }) => ({ ...block, body: Buffer.from(body) }))
        const [first] = damaged
        if (first === undefined) throw new Error('no block')
        first.body[index % first.body.length] = (first.body[index % first.body.length] ?? 0) ^ change
        const error = caught(() => firstUnknownMatch(damaged, false))
        expect(error === undefined || error instanceof RangeError).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})
