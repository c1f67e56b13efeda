import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bytesContent, readContent, textContent, type Content } from '../base/content.js'
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
