import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { array, assert, asyncProperty, constantFrom, record } from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entry, type Entry } from '../archive/entry.js'
import { run } from '../archive/test-support.js'
import { bytesContent, readContent, type Content } from '../base/content.js'
import { silent } from '../base/progress.js'

import { parseCompression } from './compression.js'
import { assembleInitrd } from './initrd.js'
import { newPart, type Part } from './part.js'

let fragmentDirectory: string
beforeAll(async () => {
  fragmentDirectory = await mkdtemp(join(tmpdir(), 'linuxkit-initrd-'))
})
afterAll(() => rm(fragmentDirectory, { recursive: true }))

function noise(size: number, key: string): Uint8Array {
  return createHash('shake256', { outputLength: size }).update(key).digest()
}

function zeros(size: number): Content {
  const chunk = new Uint8Array(1 << 20)
  return {
    size,
    async *open() {
      for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, left)
    },
  }
}

function partOf(location: string, entries: readonly Entry[], small = false): Part {
  const inputs = { entries: entries.map(({ path, content }) => [path, content.size]) }
  async function* all(): AsyncIterable<Entry> {
    yield* entries
  }
  return newPart({ location, source: 'test', inputs, small, entries: all })
}

async function initrdOf(parts: readonly Part[], compression: string): Promise<Buffer> {
  const { signal } = new AbortController()
  await using made = await assembleInitrd(parts, parseCompression(compression), { fragmentDirectory, progress: silent, signal })
  return readContent(made.joined.initrd)
}

const PROGRAMS: Readonly<Record<string, readonly string[]>> = { gzip: ['zcat'], zstd: ['zstd', '-dcq'], xz: ['xz', '-dc'], none: ['cat'] }

function unpack(initrd: Buffer, compression: string): Buffer {
  const [program = '', ...args] = PROGRAMS[compression.replace(/:.*/, '')] ?? []
  return run(program, args, initrd)
}

/** Names and sizes as cpio(1) lists them, directories left out, of an archive that cpio reads to its end. */
function list(archive: Buffer): readonly string[] {
  const lines = run('cpio', ['-itv', '--quiet', '--numeric-uid-gid'], archive).toString().trimEnd().split('\n')
  return lines.filter((line) => line.startsWith('-')).map((line) => line.replace(/^\S+\s+\S+\s+\S+\s+\S+\s+(\d+)\s.{12}\s(.*)$/, '$2 $1'))
}

// Up to 16384 bytes of an archive by themselves are stored.
const sizes = constantFrom(0, 1, 1000, 16_200, 16_384, 100_000, (1 << 20) - (1 << 13), 1 << 20, 3_000_000)
const someParts = array(record({ sizes: array(sizes, { minLength: 1, maxLength: 4 }), small: constantFrom(true, false, false) }), {
  minLength: 1,
  maxLength: 4,
})

describe.each(['gzip', 'gzip:1', 'zstd', 'zstd:19', 'xz:0', 'none'])('an initrd with %s', (compression) => {
  test('is one archive that programs of others read to its end', () =>
    assert(
      asyncProperty(someParts, async (wanted) => {
        const parts = wanted.map(({ sizes: list, small }, number) =>
          partOf(
            `init[${number}]`,
            list.map((size, index) =>
              entry({ path: `d${number}/f${index}`, type: 'file', content: bytesContent(noise(size, `${number} ${index}`)) }),
            ),
            small,
          ),
        )
        const initrd = await initrdOf(parts, compression)
        const archive = unpack(initrd, compression)
        expect(archive.length % 512).toBe(0)
        expect(list(archive)).toEqual(
          wanted.flatMap(({ sizes: list }, number) => list.map((size, index) => `d${number}/f${index} ${size}`)),
        )
        expect(archive.includes(Buffer.from(noise(1000, '0 0')))).toBe((wanted[0]?.sizes[0] ?? 0) >= 1000)
        expect((await initrdOf(parts, compression)).equals(initrd)).toBe(true)
      }),
      { numRuns: compression === 'zstd:19' ? 2 : 6 },
    ))
})

test('zstd takes files of any size', async () => {
  const large = [70 << 20, 65 << 20].map((size, index) => entry({ path: `large${index}`, type: 'file', content: zeros(size) }))
  const between = entry({ path: 'between', type: 'file', content: bytesContent(noise(5000, 'x')) })
  const parts = [partOf('init[0]', [between, ...large, { ...between, path: 'after' }])]
  const archive = unpack(await initrdOf(parts, 'zstd'), 'zstd')
  expect(list(archive)).toEqual(['between 5000', `large0 ${70 << 20}`, `large1 ${65 << 20}`, 'after 5000'])
})
