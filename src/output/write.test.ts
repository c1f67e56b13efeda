import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bytesContent, concatContents, fileContent, readContent, textContent, type Content } from '../base/content.js'
import { layOut, mediumContent } from '../disk/extents.js'
import { writeFiles } from './write.js'

const signal = new AbortController().signal

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-write-'))
})

afterEach(() => rm(directory, { recursive: true }))

test('a medium is written as it reads, wherever its holes are', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          gap: fc.oneof(fc.nat(100), fc.nat(300_000)),
          size: fc.integer({ min: 1, max: 5000 }),
          byte: fc.integer({ min: 1, max: 255 }),
        }),
        {
          maxLength: 6,
        },
      ),
      fc.nat(200_000),
      async (pieces, rest) => {
        let end = 0
        const extents = pieces.map(({ gap, size, byte }) => {
          const offset = end + gap
          end = offset + size
          return { offset, content: bytesContent(Buffer.alloc(size, byte)) }
        })
        const medium = layOut(end + rest, extents)
        const [path = ''] = await writeFiles(join(directory, 'image'), [{ suffix: '.img', content: medium }], signal)
        expect((await readFile(path)).equals(await readContent(mediumContent(medium)))).toBe(true)
      },
    ),
    { numRuns: 50 },
  ))

test('slices of files, of which several pieces are copied at once, come out in their places among small contents', async () => {
  const source = join(directory, 'source')
  const bytes = randomBytes(6 << 20)
  await writeFile(source, bytes)
  // One byte and some tens of kB beside whole pieces, so that last pieces are gathered while others are written.
  const sizes = [1, 16_385, 1 << 20, (1 << 20) + 1, 3, (2 << 20) + 20_000, 40_000, 70_000]
  let offset = 5
  const slices = sizes.map((size) => {
    const slice = { offset, content: fileContent(source, offset, size) }
    offset += size
    return slice
  })
  const expected = bytes.subarray(5, offset)
  const files = [
    { suffix: '-joined', content: concatContents(slices.map(({ content }) => content)) },
    { suffix: '-medium', content: layOut(bytes.length, slices) },
  ]
  const [joined = '', medium = ''] = await writeFiles(join(directory, 'image'), files, signal)
  expect((await readFile(joined)).equals(expected)).toBe(true)
  const image = await readFile(medium)
  expect(image.length).toBe(bytes.length)
  expect(image.subarray(5, offset).equals(expected)).toBe(true)
})

test('holes take no room', async () => {
  const medium = layOut(1 << 30, [{ offset: 1 << 29, content: textContent('in the middle') }])
  const [path = ''] = await writeFiles(join(directory, 'image'), [{ suffix: '.img', content: medium }], signal)
  const { size, blocks } = await stat(path)
  expect(size).toBe(1 << 30)
  expect(blocks * 512).toBeLessThan(1 << 20)
})

test('no file gets its name when another one fails', async () => {
  const broken: Content = {
    size: 5,
    async *open() {
      yield Buffer.from('abc')
      throw new Error('the disk is full')
    },
  }
  const files = [
    { suffix: '-one', content: textContent('one') },
    { suffix: '-two', content: layOut(100_000, [{ offset: 70_000, content: broken }]) },
  ]
  await expect(writeFiles(join(directory, 'image'), files, signal)).rejects.toThrow('the disk is full')
  expect(await readdir(directory)).toEqual([])
})
