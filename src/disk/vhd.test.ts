import { readFileSync, statSync, truncateSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesContent } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { layOut } from './extents.js'
import { GIBIBYTE, MEBIBYTE } from './sectors.js'
import { judge, largeMedium, temporaryDirectory, writeContent, writeRaw } from './test-support.js'
import { dynamicVhd, fixedVhd, vhdGeometry } from './vhd.js'

const identity = digestOf('an image')
const small = layOut(4 * MEBIBYTE - 1024, [{ offset: 1024, content: bytesContent(Buffer.alloc(3 * MEBIBYTE, 'x')) }])

describe('a dynamic VHD', () => {
  test.each([
    ['of 6 GiB', largeMedium(6 * GIBIBYTE), 20 * MEBIBYTE],
    ['that is filled up', small, 4.1 * MEBIBYTE],
    ['of nothing', layOut(GIBIBYTE, []), 10_000],
  ])('%s', async (_, medium, limit) => {
    using directory = temporaryDirectory()
    const [raw, image] = [directory.path('raw'), directory.path('vhd')]
    const content = await dynamicVhd(medium, identity)
    await writeContent(image, content)
    expect(statSync(image).size).toBe(content.size)
    expect(content.size).toBeLessThan(limit)
    await writeRaw(raw, medium)
    const size = Math.ceil(medium.size / MEBIBYTE) * MEBIBYTE
    truncateSync(raw, size)
    expect(judge('qemu-img', 'compare', '-f', 'raw', '-F', 'vpc', raw, image)).toContain('identical')
    expect(JSON.parse(judge('qemu-img', 'info', '-f', 'vpc', '--output=json', image))).toMatchObject({ 'virtual-size': size })
  })
})

describe('a fixed VHD', () => {
  test('is the medium, filled up, and a footer', async () => {
    using directory = temporaryDirectory()
    const [raw, image] = [directory.path('raw'), directory.path('vhd')]
    const content = fixedVhd(small, identity)
    expect(content.size).toBe(4 * MEBIBYTE + 512)
    await writeRaw(image, content)
    await writeRaw(raw, small)
    truncateSync(raw, 4 * MEBIBYTE)
    expect(judge('qemu-img', 'compare', '-f', 'raw', '-F', 'vpc', raw, image)).toContain('identical')
    expect(
      readFileSync(image)
        .subarray(0, 4 * MEBIBYTE)
        .equals(readFileSync(raw)),
    ).toBe(true)
  })

  test('has at most 2040 GiB', () => {
    expect(() => fixedVhd(layOut(2041 * GIBIBYTE, []), identity)).toThrow('2040 GiB')
  })
})

test.each([3, 10, 100, 512, 1024, 6 * 1024, 120 * 1024, 600 * 1024])('the geometry of about %d MiB is what qemu-img writes', (size) => {
  using directory = temporaryDirectory()
  const image = directory.path('vhd')
  // Without more options it makes the size one that is a whole number of cylinders.
  judge('qemu-img', 'create', '-q', '-f', 'vpc', image, `${size}M`)
  const footer = readFileSync(image).subarray(0, 512)
  expect(vhdGeometry(Number(footer.readBigUInt64BE(48)) / 512)).toMatchObject({
    cylinders: footer.readUInt16BE(56),
    heads: footer.readUInt8(58),
    sectorsPerTrack: footer.readUInt8(59),
  })
})
