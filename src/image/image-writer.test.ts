import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { entry } from '../archive/entry.js'
import { run } from '../archive/test-support.js'
import { textContent } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { writeSbomAttestation } from './attestation.js'
import { addToIndex, mergeManifests } from './image-writer.js'
import { MEDIA_TYPE, type Descriptor } from './oci.js'
import { findImage, storeImage, temporaryCache, temporaryDirectory } from './test-support.js'

const layer = (text: string) => [entry({ path: 'file', type: 'file', content: textContent(text) })]

describe('writeImage', () => {
  it('makes the same bytes of the same image', async () => {
    const [one, two] = [await temporaryCache(), await temporaryCache()]
    expect(await storeImage(one, 'x', [layer('a'), layer('b')])).toEqual(await storeImage(two, 'x', [layer('a'), layer('b')]))
  })

  it('makes images that skopeo takes, whole and by digest', async () => {
    const cache = await temporaryCache()
    const image = await storeImage(cache, 'image', [layer('a'), layer('b')])
    const target = await temporaryDirectory()
    run('skopeo', ['copy', '--insecure-policy', `oci:${cache.directory}:image`, `dir:${join(target, 'out')}`])
    const inspected = JSON.parse(run('skopeo', ['inspect', `oci:${cache.directory}:image`]).toString()) as Record<string, unknown>
    expect(inspected).toMatchObject({ Digest: image.digest, Architecture: 'amd64', Os: 'linux' })
  })
})

describe('addToIndex', () => {
  it('adds architectures one after another, also when they come at once', async () => {
    const cache = await temporaryCache()
    const amd64 = await storeImage(cache, 'a', [layer('amd64')])
    const arm64 = await storeImage(cache, 'b', [layer('arm64')], 'arm64')
    await Promise.all([addToIndex(cache, 'index', [amd64]), addToIndex(cache, 'index', [arm64])])
    const target = await temporaryDirectory()
    run('skopeo', ['copy', '--insecure-policy', '--all', `oci:${cache.directory}:index`, `dir:${join(target, 'out')}`])
    const index = JSON.parse(run('skopeo', ['inspect', '--raw', `oci:${cache.directory}:index`]).toString()) as { manifests: Descriptor[] }
    expect(index.manifests.map(({ digest }) => digest).sort()).toEqual([amd64.digest, arm64.digest].sort())
  })

  it('does not turn a single image into an index', async () => {
    const cache = await temporaryCache()
    const image = await storeImage(cache, 'single', [layer('x')])
    await expect(addToIndex(cache, 'single', [image])).rejects.toMatchObject({ code: 'image/not-an-index' })
  })

  it('keeps SBOMs beside their image', async () => {
    const cache = await temporaryCache()
    const name = 'docker.io/linuxkit/test:v1'
    for (const text of ['old', 'new']) {
      const image = await storeImage(cache, 'x', [layer(text)])
      await addToIndex(cache, name, [image, await writeSbomAttestation(cache, image, name, [{ spdxVersion: 'SPDX-2.3', name: text }])])
    }
    const image = await findImage(cache, name)
    expect(image.attestations()).toHaveLength(1)
    expect(await image.sboms()).toEqual([{ spdxVersion: 'SPDX-2.3', name: 'new' }])
    // The statement as BuildKit and LinuxKit look for it.
    const manifest = await cache.readJson(image.attestations()[0] ?? image.descriptor)
    expect(manifest.raw).toMatchObject({
      layers: [{ mediaType: 'application/vnd.in-toto+json', annotations: { 'in-toto.io/predicate-type': 'https://spdx.dev/Document' } }],
    })
  })
})

describe('mergeManifests', () => {
  const image = (text: string, architecture: string): Descriptor => ({
    mediaType: MEDIA_TYPE.manifest,
    digest: digestOf(text),
    size: 1,
    platform: { os: 'linux', architecture },
  })
  const about = (subject: Descriptor, text = `about ${subject.digest}`): Descriptor => ({
    ...image(text, 'unknown'),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': subject.digest },
  })
  const [amd64, newer, arm64] = [image('1', 'amd64'), image('2', 'amd64'), image('3', 'arm64')]

  it('replaces images in their place and drops attestations of those that are gone', () => {
    expect(mergeManifests([amd64, about(amd64), arm64, about(arm64)], [newer, about(newer)])).toEqual([
      newer,
      arm64,
      about(arm64),
      about(newer),
    ])
  })

  it('has one attestation for an image that stays the same', () => {
    expect(mergeManifests([amd64, about(amd64)], [amd64, about(amd64, 'again')])).toEqual([amd64, about(amd64, 'again')])
  })
})
