import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LinuxkitError } from '../base/errors.js'
import { decompress, gunzip, unxz, unzstd } from './decompress.js'
import { chunked, gather, run } from './test-support.js'

const TEXT = Buffer.concat(
  Array.from({ length: 30 }, (_, at) => Buffer.concat([randomBytes(2000), Buffer.alloc(at * 400, `line ${at}\n`)])),
)

const FORMATS = [
  { name: 'gzip', unpack: gunzip, pack: (data: Uint8Array) => run('gzip', ['-c'], data) },
  { name: 'xz', unpack: unxz, pack: (data: Uint8Array) => run('xz', ['-c'], data) },
  { name: 'zstd', unpack: unzstd, pack: (data: Uint8Array) => run('zstd', ['-qc'], data) },
] as const

describe.each(FORMATS)('$name', ({ name, unpack, pack }) => {
  test.each([1, 13, 65_537, 1 << 20])('in chunks of %d', async (chunkSize) => {
    const data = chunkSize === 1 ? TEXT.subarray(0, 3000) : TEXT
    expect((await gather(unpack(chunked(pack(data), chunkSize)))).equals(data)).toBe(true)
    expect((await gather(decompress(chunked(pack(data), chunkSize)))).equals(data)).toBe(true)
  })

  test('several streams one after another, among them empty ones', async () => {
    const parts = [TEXT, Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(300_000)]
    const packed = Buffer.concat(parts.map((part) => pack(part)))
    for (const chunkSize of [11, 4096, packed.length]) {
      expect((await gather(unpack(chunked(packed, chunkSize)))).equals(Buffer.concat(parts))).toBe(true)
    }
  })

  test('damaged, cut off, empty, or something else', async () => {
    const packed = pack(TEXT)
    const flipped = Buffer.from(packed)
    flipped.writeUInt8(flipped.readUInt8(3) ^ 0xff, 3)
    for (const bad of [flipped, packed.subarray(0, -1), packed.subarray(0, 2000), Buffer.alloc(0), Buffer.from('plain text, not packed')]) {
      await expect(gather(unpack(chunked(bad, 1000)))).rejects.toMatchObject({
        code: 'archive/corrupt',
        message: expect.stringContaining(name),
      })
    }
  })

  test('damage of any kind gives bytes or a LinuxkitError', async () => {
    const packed = pack(TEXT.subarray(0, 6000))
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, flip, cut) => {
        const damaged = Buffer.from(packed)
        damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at)
        const outcome = await gather(unpack(chunked(cut ? damaged.subarray(0, at + 1) : damaged, 512))).catch((error: unknown) => error)
        expect(Buffer.isBuffer(outcome) || outcome instanceof LinuxkitError).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test("the source's own error stays what it is", async () => {
    async function* failing(): AsyncIterable<Uint8Array> {
      yield pack(TEXT).subarray(0, 3000)
      throw new RangeError('of the source')
    }
    await expect(gather(unpack(failing()))).rejects.toThrow(new RangeError('of the source'))
    await expect(gather(decompress(failing()))).rejects.toThrow(new RangeError('of the source'))
  })

  test('the source is closed when the reader stops early', async () => {
    const packed = pack(randomBytes(500_000))
    let closed = (): void => {}
    const wasClosed = new Promise<void>((resolve) => {
      closed = resolve
    })
    async function* source(): AsyncIterable<Uint8Array> {
      try {
        yield* chunked(packed, 10_000)
      } finally {
        closed()
      }
    }
    for await (const chunk of decompress(source())) if (chunk.length > 0) break
    await expect(wasClosed).resolves.toBeUndefined()
  })

  test('two streams read in turns', async () => {
    const packed = pack(TEXT)
    const streams = [unpack(chunked(packed, 900)), unpack(chunked(packed, 700))].map((stream) => stream[Symbol.asyncIterator]())
    const outputs: Buffer[][] = [[], []]
    for (let running = true; running;) {
      const results = []
      for (const stream of streams) results.push(await stream.next())
      running = results.some((result) => result.done !== true)
      for (const [at, result] of results.entries()) if (result.done !== true) outputs[at]?.push(Buffer.from(result.value))
    }
    for (const output of outputs) expect(Buffer.concat(output).equals(TEXT)).toBe(true)
  })
})

test('anything else passes as it is', async () => {
  for (const plain of [Buffer.alloc(0), Buffer.from('short'), TEXT]) {
    expect((await gather(decompress(chunked(plain, 3000)))).equals(plain)).toBe(true)
  }
})

test.each(['none', 'crc32', 'crc64'])('xz with the check %s, several blocks and padding', async (check) => {
  const packed = Buffer.concat([
    run('xz', ['-c', `--check=${check}`, '--block-size=20000'], TEXT),
    Buffer.alloc(8),
    run('xz', ['-c'], TEXT),
    Buffer.alloc(4),
  ])
  expect((await gather(unxz(chunked(packed, 999)))).equals(Buffer.concat([TEXT, TEXT]))).toBe(true)
})

test('xz with a check that the decoder does not have', async () => {
  await expect(gather(unxz(chunked(run('xz', ['-c', '--check=sha256'], TEXT))))).rejects.toMatchObject({ code: 'archive/unsupported' })
})

test.each([['-1'], ['-19'], ['--no-check'], ['--long=27'], ['--no-content-size']])('zstd %s %s', async (...options) => {
  const data = Buffer.concat([TEXT, Buffer.alloc(500_000), TEXT])
  const skippable = Buffer.from('502a4d180300000061626300', 'hex').subarray(0, 11)
  const packed = Buffer.concat([skippable, run('zstd', ['-qc', ...options], data)])
  expect((await gather(decompress(chunked(packed, 5000)))).equals(data)).toBe(true)
})

test('a zstd window beyond 128 MiB is refused', async () => {
  // Window descriptor: exponent 18 is 256 MiB (RFC 8878, section 3.1.1.1.2); then one empty last block.
  await expect(gather(unzstd(chunked(Buffer.from('28b52ffd00900100000000', 'hex'))))).rejects.toMatchObject({ code: 'archive/corrupt' })
})
