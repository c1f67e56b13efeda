import { statSync, truncateSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesContent, readAll } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { writeAtomic } from '../base/files.js'
import { layOut } from './extents.js'
import { GIBIBYTE, MEBIBYTE } from './sectors.js'
import { judge, largeMedium, temporaryDirectory, writeRaw } from './test-support.js'
import { streamOptimizedVmdk } from './vmdk.js'

const options = { identity: digestOf('an image'), name: 'linuxkit.vmdk' }

describe('a streamOptimized VMDK', () => {
  test.each([
    ['of 6 GiB', largeMedium(6 * GIBIBYTE), 0.7 * MEBIBYTE],
    [
      'that is filled up and compressed',
      layOut(MEBIBYTE + 512, [{ offset: 512, content: bytesContent(Buffer.alloc(MEBIBYTE, 'x')) }]),
      90_000,
    ],
    ['of nothing', layOut(GIBIBYTE, []), 70_000],
  ])('%s', async (_, medium, limit) => {
    using directory = temporaryDirectory()
    const [raw, image] = [directory.path('raw'), directory.path('linuxkit.vmdk')]
    await writeAtomic(image, streamOptimizedVmdk(medium, options))
    expect(statSync(image).size).toBeLessThan(limit)
    expect(judge('qemu-img', 'check', '-f', 'vmdk', image)).toContain('No errors')
    await writeRaw(raw, medium)
    const size = Math.ceil(medium.size / 65536) * 65536
    truncateSync(raw, size)
    expect(judge('qemu-img', 'compare', '-f', 'raw', '-F', 'vmdk', raw, image)).toContain('identical')
    expect(JSON.parse(judge('qemu-img', 'info', '--output=json', image))).toMatchObject({
      'virtual-size': size,
      format: 'vmdk',
      'format-specific': { data: { 'create-type': 'streamOptimized', extents: [{ compressed: true, 'cluster-size': 65536 }] } },
    })
  })

  test('is the same every time', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => readAll(streamOptimizedVmdk(largeMedium(5 * GIBIBYTE), options), 1 << 20)))
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true)
  })

  test('has less than 2 TiB', async () => {
    await expect(readAll(streamOptimizedVmdk(layOut(2048 * GIBIBYTE, []), options), 1 << 20)).rejects.toMatchObject({
      code: 'disk/too-large',
    })
  })
})
