import { randomBytes } from 'node:crypto'
import { constants, deflateRawSync, gzipSync, inflateRawSync } from 'node:zlib'
import { array, assert, asyncProperty, boolean, constantFrom, integer, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesContent } from '../base/content.js'
import { StreamedContent } from './byte-reader.js'
import { formatRuns, parseRuns, type RunPlace } from './deflate-runs.js'
import { entry, type Entry } from './entry.js'
import { gzipTar } from './gzip-tar.js'
import { partlyDeflated } from './partly-deflated.js'
import { readTar } from './tar-reader.js'
import { TAR_END, writeTar } from './tar-writer.js'
import { chunked, gather, run } from './test-support.js'

const LARGE = 20_000

async function tarOf(files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  async function* entries(): AsyncIterable<Entry> {
    for (const [path, bytes] of Object.entries(files)) yield entry({ path, type: 'file', content: bytesContent(bytes) })
  }
  return Buffer.concat([await gather(writeTar(entries())), TAR_END])
}

async function pack(archive: Uint8Array, chunkSize = 70_000): Promise<{ readonly bytes: Buffer; readonly runs: readonly RunPlace[] }> {
  const packed = gzipTar(chunked(archive, chunkSize), 6)
  const bytes = await gather(packed.chunks)
  return { bytes, runs: packed.runs() }
}

/** Reads an archive and takes runs where they are to be had, those of an archive in it too. @returns the contents by path, and the paths that were there as runs */
async function read(
  source: AsyncIterable<Uint8Array>,
  take: (path: string) => boolean,
): Promise<{ readonly files: Map<string, Buffer>; readonly taken: string[] }> {
  const files = new Map<string, Buffer>()
  const taken: string[] = []
  for await (const { path, content } of readTar(source)) {
    if (path.endsWith('.tar')) {
      const inner = await read(content.open(), take)
      for (const [name, bytes] of inner.files) files.set(name, bytes)
      taken.push(...inner.taken)
      continue
    }
    const deflated = take(path) && content instanceof StreamedContent ? content.takeDeflated() : undefined
    if (deflated !== undefined) taken.push(path)
    const bytes = await gather(deflated?.chunks ?? content.open())
    files.set(path, deflated === undefined ? bytes : inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }))
  }
  return { files, taken }
}

const sized = record({
  size: constantFrom(0, 1, 511, 512, 8191, 8192, 8193, LARGE, 3_000_000),
  noise: boolean(),
})

describe('a compressed tar archive', () => {
  test('is one gzip member, and gives back every file as bytes or as a run', () =>
    assert(
      asyncProperty(array(sized, { maxLength: 6 }), integer({ min: 1000, max: 100_000 }), boolean(), async (list, chunkSize, nested) => {
        const files = Object.fromEntries(
          list.map(({ size, noise }, index) => [`f${index}`, noise ? randomBytes(size) : Buffer.alloc(size, 'text ')]),
        )
        const inner = await tarOf(files)
        const archive = nested ? await tarOf({ before: Buffer.alloc(LARGE), 'inner.tar': inner, after: Buffer.alloc(9000) }) : inner
        const { bytes, runs } = await pack(archive, chunkSize)
        run('gzip', ['-t'], bytes)
        expect(run('zcat', [], bytes).equals(archive)).toBe(true)
        for (const take of [() => true, () => false, (path: string) => path.endsWith('1')]) {
          const { files: got, taken } = await read(partlyDeflated(chunked(bytes, chunkSize), bytes.length, runs), take)
          for (const [path, content] of Object.entries(files)) expect(got.get(path)?.equals(content)).toBe(true)
          const large = [...got].filter(([path, { length }]) => length >= 8192 && take(path)).map(([path]) => path)
          expect(taken).toEqual(large)
        }
      }),
      { numRuns: 12 },
    ))

  test('has the same bytes however the source was cut', async () => {
    const archive = await tarOf({ a: randomBytes(LARGE), b: Buffer.alloc(100), c: Buffer.alloc(2_000_000, 'abc') })
    const [whole, cut] = await Promise.all([pack(archive, archive.length), pack(archive, 333)])
    expect(cut.bytes.equals(whole.bytes)).toBe(true)
    expect(cut.runs).toEqual(whole.runs)
  })

  test('may be no archive at all', async () => {
    for (const data of [Buffer.alloc(0), Buffer.from('x'), randomBytes(LARGE), Buffer.alloc(LARGE)]) {
      const { bytes, runs } = await pack(data)
      expect(run('zcat', [], bytes).equals(data)).toBe(true)
      expect(runs).toEqual([])
    }
  })
})

describe('the places of runs', () => {
  test('survive being written as text', async () => {
    const { runs } = await pack(await tarOf({ a: randomBytes(LARGE), b: Buffer.alloc(5), c: randomBytes(LARGE) }))
    expect(runs).toHaveLength(2)
    expect(parseRuns(formatRuns(runs))).toEqual(runs)
    for (const text of ['AAAA', 'not base64!', formatRuns(runs).slice(4)]) expect(parseRuns(text)).toBeUndefined()
  })

  const lies: Readonly<Record<string, (place: RunPlace) => RunPlace>> = {
    'another CRC': (place) => ({ ...place, crc32: place.crc32 ^ 1 }),
    'another size': (place) => ({ ...place, size: place.size + 512 }),
    'another place in the archive': (place) => ({ ...place, offset: place.offset + 512 }),
    'another place in the file': (place) => ({ ...place, compressedOffset: place.compressedOffset + 1 }),
    'another compressed size': (place) => ({ ...place, compressedSize: place.compressedSize - 1 }),
  }

  test.each(Object.entries(lies))('%s than the right one is found out', async (_, lie) => {
    for (const size of [LARGE, 3_000_000]) {
      const { bytes, runs } = await pack(await tarOf({ a: randomBytes(size), b: randomBytes(LARGE) }))
      const wrong = runs.map((place, index) => (index === 0 ? lie(place) : place))
      for (const take of [() => true, () => false]) {
        await expect(read(partlyDeflated(chunked(bytes, 5000), bytes.length, wrong), take)).rejects.toThrow(/damaged|archive/)
      }
    }
  })

  test('do not hide what comes after a last block', async () => {
    for (const size of [LARGE, 1_000_000, 3_000_000]) {
      const content = Buffer.alloc(size, 'some text')
      const { bytes, runs } = await pack(await tarOf({ a: content }))
      const [place] = runs
      if (place === undefined) throw new Error('no run')
      const { compressedOffset, compressedSize } = place
      const more = Buffer.concat([deflateRawSync(content), Buffer.from('hidden')])
      const file = Buffer.concat([bytes.subarray(0, compressedOffset), more, bytes.subarray(compressedOffset + compressedSize)])
      for (const take of [() => true, () => false]) {
        const all = read(partlyDeflated(chunked(file, 5000), file.length, [{ ...place, compressedSize: more.length }]), take)
        await expect(all).rejects.toThrow('damaged')
      }
    }
  })

  test('do not hide why a file cannot be read', async () => {
    const { bytes, runs } = await pack(await tarOf({ a: randomBytes(LARGE) }))
    for (const cut of [0, 5, 5000]) {
      async function* failing(): AsyncIterable<Uint8Array> {
        yield bytes.subarray(0, cut)
        throw new Error('the blob has gone')
      }
      const source = partlyDeflated(failing(), bytes.length, runs)
      const iterator = source[Symbol.asyncIterator]()
      await expect(read({ [Symbol.asyncIterator]: () => iterator }, () => false)).rejects.toThrow('the blob has gone')
      expect((await iterator.next()).done).toBe(true)
    }
  })

  test('in a file that is damaged or something else are found out', async () => {
    const { bytes, runs } = await pack(await tarOf({ a: randomBytes(LARGE), b: randomBytes(3_000_000) }))
    const damaged = Buffer.from(bytes)
    damaged[LARGE / 2] = (damaged[LARGE / 2] ?? 0) ^ 0xff
    for (const file of [
      damaged,
      bytes.subarray(0, -1),
      bytes.subarray(0, LARGE),
      gzipSync(Buffer.alloc(LARGE)),
      Buffer.concat([bytes, bytes]),
    ]) {
      const all = read(partlyDeflated(chunked(file, 5000), file.length, runs), () => true)
      await expect(all).rejects.toThrow(/damaged|archive/)
    }
  })
})
