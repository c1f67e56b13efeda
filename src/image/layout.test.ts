import { describe, expect, it } from 'vitest'
import { entry } from '../archive/entry.js'
import { writeIndex } from './image-writer.js'
import { imageLayout } from './layout.js'
import type { Platform } from './oci.js'
import { parseReference } from './reference.js'
import { storeImage, temporaryCache } from './test-support.js'

const REFERENCE = parseReference('test/multi:1')

/** The platforms of the images that a layout holds, of an image that has these. */
async function held(platforms: readonly Platform[], wanted: readonly string[]): Promise<readonly string[]> {
  const cache = await temporaryCache()
  const manifests = []
  for (const [number, platform] of platforms.entries()) {
    const image = await storeImage(cache, `docker.io/test/${number}`, [[entry({ path: `only-${number}`, type: 'directory' })]])
    manifests.push({ ...image, platform })
  }
  await cache.setName(REFERENCE.text, await writeIndex(cache, manifests))
  const layout = await imageLayout(cache, REFERENCE, wanted)
  const paths = layout?.entries.map(({ path }) => path) ?? []
  return manifests
    .filter(({ digest }) => paths.includes(`blobs/${digest.replace(':', '/')}`))
    .map(({ platform: { architecture, variant = '' } }) => architecture + variant)
}

describe('imageLayout', () => {
  const platforms: readonly Platform[] = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm', variant: 'v6' },
    { os: 'linux', architecture: 'arm', variant: 'v7' },
  ]

  it.each([
    [[], ['amd64', 'armv6', 'armv7']],
    [['linux/amd64'], ['amd64']],
    [['linux/arm'], ['armv6', 'armv7']],
    [
      ['linux/arm/v7', 'linux/amd64'],
      ['amd64', 'armv7'],
    ],
  ])('of the platforms %j holds %j', async (wanted, expected) => {
    expect(await held(platforms, wanted)).toEqual(expected)
  })

  it.each([
    ['linux/arm/v5', 'image/no-platform'],
    ['linux/s390x', 'image/no-platform'],
    ['linux/a/b/c', 'image/bad-platform'],
  ])('refuses %s', async (wanted, code) => {
    await expect(held(platforms, [wanted])).rejects.toMatchObject({ code })
  })

  it('refuses an image that is in no index, and knows none that is not there', async () => {
    const cache = await temporaryCache()
    expect(await imageLayout(cache, REFERENCE, [])).toBeUndefined()
    await storeImage(cache, REFERENCE.text, [[]])
    await expect(imageLayout(cache, REFERENCE, [])).rejects.toMatchObject({ code: 'image/not-an-index' })
  })
})
