import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { entry } from '../archive/entry.js'
import { gzip } from '../archive/gzip.js'
import { chunked, gather, readEntries, run } from '../archive/test-support.js'
import { bytesContent, textContent } from '../base/content.js'
import { digestOf } from '../base/digest.js'
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

async function imported(cache: ImageCache, archive: AsyncIterable<Uint8Array>, name?: string): Promise<readonly string[]> {
  return (await importImages(cache, archive, name, SIGNAL)).images.map((image) => image.name)
}

const hex = '0'.repeat(64)
const file = (path: string, text: string) => entry({ path, type: 'file', content: textContent(text) })

describe('importImages', () => {
  it('takes back what was exported, under the name in the archive or another', async () => {
    const source = await filledCache()
    const cache = await temporaryCache()
    const archive = await exported(source, 'oci', 'quay.io/other:v2')
    expect(await imported(cache, chunked(archive, 1000))).toEqual(['quay.io/other:v2'])
    expect(await imported(cache, gzip(chunked(archive), 1), 'mine')).toEqual(['docker.io/library/mine'])
    const image = await findImage(cache, 'mine', 'arm64')
    expect(image.descriptor.digest).toBe((await findImage(source, NAME, 'arm64')).descriptor.digest)
  })

  it('takes what skopeo writes', async () => {
    const source = await filledCache()
    const file = join(await temporaryDirectory(), 'image.tar')
    run('skopeo', ['copy', '--insecure-policy', `oci:${source.directory}:a`, `oci-archive:${file}:docker.io/x/y:v1`])
    const cache = await temporaryCache()
    const archive = await readFile(file)
    expect(await imported(cache, chunked(archive))).toEqual(['docker.io/x/y:v1'])
    expect((await findImage(cache, 'x/y:v1')).config.architecture).toBe('amd64')
  })

  it('takes a layout that GNU tar packed', async () => {
    const source = await filledCache()
    const archive = run('tar', ['-c', '-C', source.directory, '.'])
    const cache = await temporaryCache()
    expect(await imported(cache, chunked(archive))).toEqual([NAME])
  })

  it('takes back everything of an index, and writes the same archive again', async () => {
    const source = await filledCache()
    const cache = await temporaryCache()
    const archive = await gather(exportImage(source, NAME, { format: 'oci', platform: 'all' }, SIGNAL))
    expect(await imported(cache, chunked(archive))).toEqual([NAME])
    expect((await findImage(cache, NAME, 'arm64')).root.digest).toBe((await findImage(source, NAME)).root.digest)
    expect(await gather(exportImage(cache, NAME, { format: 'oci', platform: 'all' }, SIGNAL))).toEqual(archive)
  })

  it.each([
    ['our own', async (cache: ImageCache) => exported(cache, 'docker')],
    [
      "skopeo's",
      async (cache: ImageCache) => {
        const file = join(await temporaryDirectory(), 'image.tar')
        run('skopeo', ['copy', '--insecure-policy', `oci:${cache.directory}:b`, `docker-archive:${file}:linuxkit/test:v1`])
        return readFile(file)
      },
    ],
  ])('takes %s Docker archive as the same image', async (_, make) => {
    const source = await filledCache()
    const cache = await temporaryCache()
    expect(await imported(cache, chunked(await make(source)))).toEqual([NAME])
    const image = await findImage(cache, NAME, 'arm64')
    expect(image.manifest.config.digest).toBe((await findImage(source, NAME, 'arm64')).manifest.config.digest)
    expect(
      run('tar', ['-t'], await gather(exportImage(cache, NAME, { format: 'filesystem', platform: 'linux/arm64' }, SIGNAL))).toString(),
    ).toBe('etc\netc/arm64\netc/common\n')
  })

  it('takes an archive of an old Docker, where a layer that comes again is a link', async () => {
    const tar = await gather(tarOf(layer('twice')))
    const config = JSON.stringify({
      architecture: 'arm64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [digestOf(tar), digestOf(tar)] },
    })
    const [first, second] = ['a'.repeat(64), 'b'.repeat(64)]
    const configFile = `${digestOf(config).slice(7)}.json`
    const description = [
      { Config: configFile, RepoTags: ['org/old:1', 'org/old:2'], Layers: [`${first}/layer.tar`, `${second}/layer.tar`] },
    ]
    const archive = tarOf([
      entry({ path: `${second}/layer.tar`, type: 'symlink', link: `../${first}/layer.tar` }),
      file(`${first}/VERSION`, '1.0'),
      entry({ path: `${first}/layer.tar`, type: 'file', content: bytesContent(tar) }),
      file(configFile, config),
      file('manifest.json', JSON.stringify(description)),
    ])
    const cache = await temporaryCache()
    expect(await imported(cache, archive)).toEqual(['docker.io/org/old:1', 'docker.io/org/old:2'])
    const { manifest } = await findImage(cache, 'org/old:2', 'arm64')
    expect(manifest.layers.map(({ digest }) => digest)).toEqual([digestOf(tar), digestOf(tar)])
    // Layer, config and manifest.
    expect(await cache.blobs.list()).toHaveLength(3)
  })

  it('refuses a Docker archive whose layer is not the one of its config', async () => {
    const archive = await exported(await filledCache(), 'docker')
    const wrong = Buffer.from(archive.toString('latin1').replace(/"diff_ids":\["sha256:\w{64}/, `"diff_ids":["sha256:${hex}`), 'latin1')
    await expect(imported(await temporaryCache(), chunked(wrong))).rejects.toMatchObject({ code: 'image/digest-mismatch' })
  })

  it('says of what it has no name, and takes the name from the user', async () => {
    const source = await filledCache()
    const cache = await temporaryCache()
    const file = join(await temporaryDirectory(), 'image.tar')
    run('skopeo', ['copy', '--insecure-policy', `oci:${source.directory}:a`, `oci-archive:${file}:latest`])
    await expect(imported(cache, chunked(await readFile(file)))).rejects.toMatchObject({
      code: 'image/bad-archive',
      message: expect.stringContaining('only "latest"'),
      hint: 'give it one with --name',
    })
    expect(await cache.names()).toEqual([])
    expect(await imported(cache, chunked(await readFile(file)), 'x/y')).toEqual(['docker.io/x/y'])
  })

  it.each([
    ['is empty', [], 'it has neither index.json nor manifest.json'],
    ['names nothing', [file('index.json', '{"schemaVersion":2,"manifests":[]}')], 'it has no images'],
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
