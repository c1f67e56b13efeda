import { statSync, truncateSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesContent } from '../base/content.js'
import { writeAtomic } from '../base/files.js'
import { layOut } from './extents.js'
import { gcpImage } from './gcp.js'
import { GIBIBYTE } from './sectors.js'
import { judge, largeMedium, temporaryDirectory, writeRaw } from './test-support.js'

/** Many pieces apart from one another, so that the map takes several blocks. */
const many = layOut(
  GIBIBYTE - 512,
  Array.from({ length: 60 }, (_, index) => ({ offset: index * 200_000 + 512, content: bytesContent(Buffer.alloc(70_000, index + 1)) })),
)

describe('an image for Google Compute Engine', () => {
  test.each([
    ['of 5 GiB and a bit', largeMedium(5 * GIBIBYTE + 512), 6],
    ['beyond what octal digits say', largeMedium(9 * GIBIBYTE), 9],
    ['of many pieces', many, 1],
    ['of nothing', layOut(512, []), 1],
  ])('%s', async (_, medium, gibibytes) => {
    using directory = temporaryDirectory()
    const [raw, image] = [directory.path('raw'), directory.path('image.tar.gz')]
    await writeAtomic(image, gcpImage(medium))
    expect(statSync(image).size).toBeLessThan(1 << 20)
    expect(judge('tar', 'tvf', image)).toBe(`-rw-r--r-- root/root ${gibibytes * GIBIBYTE} 2017-04-18 16:30 disk.raw\n`)
    judge('tar', 'xf', image, '-C', directory.path('.'))
    await writeRaw(raw, medium)
    truncateSync(raw, gibibytes * GIBIBYTE)
    expect(judge('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', raw, directory.path('disk.raw'))).toContain('identical')
  })
})
