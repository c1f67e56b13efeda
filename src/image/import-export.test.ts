import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { entry } from '../archive/entry.js'
import { gzip } from '../archive/gzip.js'
import { chunked, gather, readEntries, run } from '../archive/test-support.js'
import { textContent } from '../base/content.js'
import type { ImageCache } from './cache.js'
import { exportImage, type ExportFormat } from './export.js'
import { flattenImage } from './flatten.js'
import { addToIndex } from './image-writer.js'
import { importImages } from './import.js'
import { findImage, storeImage, tarOf, temporaryCache, temporaryDirectory } from './test-support.js'

const NAME = 'docker.io/linuxkit/test:v1'
const SIGNAL = AbortSignal.timeout(30_000)

const layer = (text: string) => [
  entry({ path: 'etc', type: 'directory' }),
  entry({ path: `etc/${text}`, type: 'file', content: textContent(text) }),
]

async function filledCache(): Promise<ImageCache> {
  const cache = await temporaryCache()
  const amd64 = await storeImage(cache, 'a', [layer('common'), layer('amd64')])
  const arm64 = await storeImage(cache, 'b', [layer('common'), layer('arm64')], 'arm64')
  await addToIndex(cache, NAME, [amd64, arm64])
  return cache
}

async function exported(cache: ImageCache, format: ExportFormat, name?: string): Promise<Buffer> {
  return gather(exportImage(cache, NAME, { format, platform: 'linux/arm64', ...(name === undefined ? {} : { name }) }, SIGNAL))
}

describe('exportImage', () => {
  it.each([
    ['oci', 'oci-archive'],
    ['docker', 'docker-archive'],
  ] as const)('writes as %s what skopeo takes', async (format, transport) => {
    const cache = await filledCache()
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'image.tar'), await exported(cache, format))
    run('skopeo', ['copy', '--insecure-policy', `${transport}:${join(directory, 'image.tar')}`, `dir:${join(directory, 'out')}`])
    const manifest = JSON.parse(await readFile(join(directory, 'out', 'manifest.json'), 'utf8')) as { config: { digest: string } }
    expect(manifest.config.digest).toBe((await findImage(cache, NAME, 'arm64')).manifest.config.digest)
  })

  it('writes the file tree', async () => {
    const archive = await exported(await filledCache(), 'filesystem')
    expect(run('tar', ['-t'], archive).toString()).toBe('etc\netc/arm64\netc/common\n')
  })

  it("writes a hard link to an object of a lower layer where LinuxKit does, which is not where a build's tree has it", async () => {
    const cache = await temporaryCache()
    const link = entry({ path: 'b', type: 'hardlink', link: 'a' })
    await storeImage(cache, NAME, [[entry({ path: 'a', type: 'file', content: textContent('a') })], [link]])
    const archive = exportImage(cache, NAME, { format: 'filesystem', platform: 'linux/amd64' }, SIGNAL)
    expect(run('tar', ['-t'], await gather(archive)).toString()).toBe('b\na\n')
    const tree = await readEntries(flattenImage(await findImage(cache, NAME), SIGNAL))
    expect(tree.map(({ path }) => path)).toEqual(['a', 'b'])
  })

  it.each([
    ['linuxkit/test:v2', 'linux/arm64', 'image/not-found'],
    ['linuxkit/test:v1', 'linux/s390x', 'image/no-platform'],
    ['linuxkit/test:v1', 'windows/amd64', 'image/bad-platform'],
  ])('refuses %s for %s', async (name, platform, code) => {
    const archive = exportImage(await filledCache(), name, { format: 'oci', platform }, SIGNAL)
    await expect(gather(archive)).rejects.toMatchObject({ code })
  })
})

describe('importImages', () => {
  it('takes back what was exported, under the name in the archive or another', async () => {
    const source = await filledCache()
    const cache = await temporaryCache()
    const archive = await exported(source, 'oci', 'quay.io/other:v2')
    expect(await importImages(cache, chunked(archive, 1000), undefined, SIGNAL)).toEqual(['quay.io/other:v2'])
    expect(await importImages(cache, gzip(chunked(archive), 1), 'mine', SIGNAL)).toEqual(['docker.io/library/mine'])
    const image = await findImage(cache, 'mine', 'arm64')
    expect(image.descriptor.digest).toBe((await findImage(source, NAME, 'arm64')).descriptor.digest)
  })

  it('takes what skopeo writes', async () => {
    const source = await filledCache()
    const file = join(await temporaryDirectory(), 'image.tar')
    run('skopeo', ['copy', '--insecure-policy', `oci:${source.directory}:a`, `oci-archive:${file}:docker.io/x/y:v1`])
    const cache = await temporaryCache()
    const archive = await readFile(file)
    expect(await importImages(cache, chunked(archive), undefined, SIGNAL)).toEqual(['docker.io/x/y:v1'])
    expect((await findImage(cache, 'x/y:v1')).config.architecture).toBe('amd64')
  })

  it('takes a layout that GNU tar packed', async () => {
    const source = await filledCache()
    const archive = run('tar', ['-c', '-C', source.directory, '.'])
    const cache = await temporaryCache()
    expect(await importImages(cache, chunked(archive), undefined, SIGNAL)).toEqual([NAME])
  })

  const file = (path: string, text: string) => entry({ path, type: 'file', content: textContent(text) })
  const hex = '0'.repeat(64)

  it.each([
    ['is empty', [], 'it has no index.json'],
    ['names nothing', [file('index.json', '{"schemaVersion":2,"manifests":[]}')], 'none of its images has a full name'],
    [
      'has a file among the blobs that is none',
      [file('blobs/sha256/../../x', 'x'), file('blobs/sha256/..x', 'x')],
      'not named by a sha256 digest',
    ],
    ['has a blob under a wrong name', [file(`blobs/sha256/${hex}`, 'x')], 'something else'],
    [
      'lacks the image',
      [
        file(
          'index.json',
          `{"schemaVersion":2,"manifests":[{"mediaType":"x","size":1,"digest":"sha256:${hex}","annotations":{"io.containerd.image.name":"x"}}]}`,
        ),
      ],
      `sha256:${hex} of docker.io/library/x is missing`,
    ],
  ])('refuses an archive that %s, and files nothing', async (_, entries, message) => {
    const cache = await temporaryCache()
    await expect(importImages(cache, tarOf(entries), undefined, SIGNAL)).rejects.toThrow(message)
    expect(await cache.names()).toEqual([])
    expect(await cache.blobs.list()).toEqual([])
  })

  it('refuses an archive that is cut off', async () => {
    const archive = await exported(await filledCache(), 'oci')
    await expect(importImages(await temporaryCache(), chunked(archive.subarray(0, 3000)), undefined, SIGNAL)).rejects.toMatchObject({
      code: 'image/bad-archive',
    })
  })
})
