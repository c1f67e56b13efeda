import { statSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesContent } from '../base/content.js'
import { layOut, zeros, type Extents } from './extents.js'
import { qcow2Image } from './qcow2.js'
import { GIBIBYTE, MEBIBYTE } from './sectors.js'
import { judge, largeMedium, temporaryDirectory, writeContent, writeRaw } from './test-support.js'

/** Lets qemu-img judge the image of a medium. @returns its size as a file */
async function judged(medium: Extents): Promise<number> {
  using directory = temporaryDirectory()
  const [raw, image] = [directory.path('raw'), directory.path('qcow2')]
  await writeRaw(raw, medium)
  const content = await qcow2Image(medium)
  await writeContent(image, content)
  expect(statSync(image).size).toBe(content.size)
  expect(judge('qemu-img', 'check', '-f', 'qcow2', image)).toContain('No errors were found')
  expect(judge('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', raw, image)).toContain('Images are identical')
  const info = JSON.parse(judge('qemu-img', 'info', '--output=json', image))
  expect(info).toMatchObject({
    'virtual-size': medium.size,
    format: 'qcow2',
    'format-specific': { data: { compat: '1.1', corrupt: false } },
  })
  return content.size
}

describe('a qcow2 image', () => {
  test('of 6 GiB has only what is not zero', async () => {
    expect(await judged(largeMedium(6 * GIBIBYTE))).toBeLessThan(2.5 * MEBIBYTE)
  })

  test('of nothing', async () => {
    expect(await judged(layOut(GIBIBYTE, []))).toBeLessThan(0.5 * MEBIBYTE)
    expect(await judged(layOut(GIBIBYTE, [{ offset: 512, content: zeros(10 * MEBIBYTE) }]))).toBeLessThan(0.5 * MEBIBYTE)
  })

  test('of so much that the counts take several blocks', async () => {
    // 2 GiB and a bit are more than 32768 clusters.
    const cluster = Buffer.alloc(65536)
    cluster[100] = 1
    const many = { size: 33_000 * 65536, open: () => repeated(cluster, 33_000) }
    const image = await qcow2Image(layOut(4 * GIBIBYTE, [{ offset: 65536, content: many }]))
    using directory = temporaryDirectory()
    const path = directory.path('tables')
    // The tables alone: the check looks at no data, which may be a hole.
    const tables = image.size - many.size
    const head: Extents = {
      size: image.size,
      extents: [{ offset: 0, content: { size: tables, open: () => image.open({ start: 0, end: tables }) } }],
    }
    await writeRaw(path, head)
    expect(judge('qemu-img', 'check', path)).toMatch(/No errors[^]*33000\/65536/)
  })

  test('of any medium', async () => {
    const run = fc.tuple(fc.nat(200_000), fc.integer({ min: 1, max: 200_000 }), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(fc.array(run, { maxLength: 6 }), fc.nat(300), async (runs, tail) => {
        let offset = 0
        const extents = runs.map(([gap, length, byte]) => {
          const extent = { offset: offset + gap, content: bytesContent(Buffer.alloc(length, byte)) }
          offset += gap + length
          return extent
        })
        const medium = layOut(Math.ceil(offset / 512 + tail + 1) * 512, extents)
        expect(await judged(medium)).toBeGreaterThan(0)
      }),
      { numRuns: 20 },
    )
  })
})

async function* repeated(bytes: Uint8Array, times: number): AsyncIterable<Uint8Array> {
  for (let left = times; left > 0; left -= 1) yield bytes
}
