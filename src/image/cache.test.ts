import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { entry } from '../archive/entry.js'
import { textContent } from '../base/content.js'
import { openCache, type ImageCache } from './cache.js'
import { collectGarbage, emptyCache, removeImages } from './garbage.js'
import { addToIndex } from './image-writer.js'
import { listImages } from './list.js'
import { MEDIA_TYPE } from './oci.js'
import { parseReference } from './reference.js'
import { bundle, findImage, storeImage, temporaryCache, temporaryDirectory } from './test-support.js'

const AMD64 = { os: 'linux', architecture: 'amd64' } as const
const NAME = 'docker.io/linuxkit/test:v1'
const REFERENCE = parseReference(NAME)

const layer = (text: string) => [entry({ path: 'file', type: 'file', content: textContent(text) })]

describe('openCache', () => {
  it('makes an empty image layout, and opens it again as it is', async () => {
    const directory = join(await temporaryDirectory(), 'new', 'cache')
    await openCache(directory)
    expect(JSON.parse(await readFile(join(directory, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' })
    const index = await readFile(join(directory, 'index.json'), 'utf8')
    expect(JSON.parse(index)).toEqual({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests: [] })
    await openCache(directory)
    expect(await readFile(join(directory, 'index.json'), 'utf8')).toBe(index)
  })

  it.each(['{', '[]', '{"schemaVersion":1}', '{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:..","size":1}]}'])(
    'names the file when index.json is %s',
    async (text) => {
      const directory = await temporaryDirectory()
      await writeFile(join(directory, 'index.json'), text)
      const cache = await openCache(directory)
      await expect(cache.names()).rejects.toMatchObject({ code: 'image/bad-json', message: expect.stringContaining('index.json') })
    },
  )
})

describe('names', () => {
  it('are set, replaced and removed; nameless entries of other programs stay', async () => {
    const cache = await temporaryCache()
    const first = await cache.writeJson({ number: 1 }, 'text/json')
    const second = await cache.writeJson({ number: 2 }, 'text/json')
    const root = join(cache.directory, 'index.json')
    await writeFile(root, JSON.stringify({ schemaVersion: 2, manifests: [first] }))
    await cache.setName('a', first)
    await cache.setName('b', first)
    await cache.setName('a', second)
    expect((await cache.names()).map(({ name, descriptor }) => [name, descriptor.digest])).toEqual([
      ['b', first.digest],
      ['a', second.digest],
    ])
    expect(await cache.removeNames(['a', 'c'])).toEqual(['c'])
    expect((await cache.roots()).map(({ annotations }) => annotations)).toEqual([undefined, { 'org.opencontainers.image.ref.name': 'b' }])
  })

  it('set by several processes and instances at once are all there', async () => {
    const cache = await temporaryCache()
    const script = await bundle(`
      import { openCache } from './cache.js'
      const [directory, who] = process.argv.slice(2)
      void openCache(directory).then(async (cache) => {
        const descriptor = await cache.writeJson({ who }, 'text/json')
        for (let count = 0; count < 5; count++) await cache.setName(who + count, descriptor)
      })
    `)
    const run = promisify(execFile)
    const processes = ['p', 'q', 'r'].map((who) => run(process.execPath, [script, cache.directory, who]))
    const instances = ['x', 'y', 'z'].map(async (who) => {
      const own = await openCache(cache.directory)
      const descriptor = await own.writeJson({ who }, 'text/json')
      for (let count = 0; count < 5; count++) await own.setName(`${who}${count}`, descriptor)
    })
    await Promise.all([...processes, ...instances])
    const names = (await cache.names()).map(({ name }) => name).sort()
    expect(names).toEqual(['p', 'q', 'r', 'x', 'y', 'z'].flatMap((who) => [0, 1, 2, 3, 4].map((count) => `${who}${count}`)))
    expect((await readdir(cache.directory)).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
  })
})

describe('setName', () => {
  it('files nothing of which a blob was removed meanwhile', async () => {
    const cache = await temporaryCache()
    const descriptor = await cache.writeJson({ number: 1 }, 'text/json')
    const layerBlob = await cache.writeJson({ number: 2 }, 'text/json')
    await cache.blobs.remove(layerBlob.digest)
    await expect(cache.setName('a', descriptor, [descriptor, layerBlob])).rejects.toMatchObject({ code: 'image/missing-blob' })
    expect(await cache.names()).toEqual([])
  })
})

describe('find', () => {
  it('gives the image of the platform out of an index', async () => {
    const cache = await temporaryCache()
    const amd64 = await storeImage(cache, 'a', [layer('amd64')])
    const arm64 = await storeImage(cache, 'b', [layer('arm64')], 'arm64')
    const index = await addToIndex(cache, NAME, [amd64, arm64])
    const image = await findImage(cache, NAME, 'arm64')
    expect(image.root.digest).toBe(index.digest)
    expect(image.descriptor).toEqual(arm64)
    expect(image.config).toMatchObject({ architecture: 'arm64', os: 'linux', config: { Cmd: ['/bin/sh'] } })
    await expect(cache.find(REFERENCE, { os: 'linux', architecture: 'riscv64' })).rejects.toMatchObject({
      code: 'image/no-platform',
      hint: 'it has images for linux/amd64, linux/arm64',
    })
  })

  it('takes a single image whatever its architecture', async () => {
    const cache = await temporaryCache()
    const arm64 = await storeImage(cache, NAME, [layer('x')], 'arm64')
    expect((await findImage(cache, NAME)).descriptor.digest).toBe(arm64.digest)
  })

  it('goes by the digest when there is one, and takes an untagged name for latest', async () => {
    const cache = await temporaryCache()
    const old = await storeImage(cache, 'docker.io/library/redis:6', [layer('6')])
    const latest = await storeImage(cache, 'docker.io/library/redis:latest', [layer('7')])
    expect((await findImage(cache, 'redis')).descriptor.digest).toBe(latest.digest)
    expect((await findImage(cache, `redis:latest@${old.digest}`)).descriptor.digest).toBe(old.digest)
    expect(await cache.find(parseReference('redis:8'), AMD64)).toBeUndefined()
    expect(await cache.find(parseReference(`redis@sha256:${'0'.repeat(64)}`), AMD64)).toBeUndefined()
  })

  it('does not find an image of which a layer is missing or cut off', async () => {
    const cache = await temporaryCache()
    await storeImage(cache, NAME, [layer('1'), layer('2')])
    const digest = (await findImage(cache, NAME)).manifest.layers[1]?.digest ?? 'sha256:'
    await writeFile(cache.blobs.path(digest), 'x')
    expect(await cache.find(REFERENCE, AMD64)).toBeUndefined()
    await cache.blobs.remove(digest)
    expect(await cache.find(REFERENCE, AMD64)).toBeUndefined()
  })

  it.each([
    ['an image without a config', { schemaVersion: 2, layers: [] }],
    ['a list', []],
    ['another schema version', { schemaVersion: 1, manifests: [] }],
    ['an index and an image at once', { schemaVersion: 2, manifests: [], config: {}, layers: [] }],
    [
      'a config of negative size',
      { schemaVersion: 2, config: { mediaType: 'x', digest: `sha256:${'0'.repeat(64)}`, size: -1 }, layers: [] },
    ],
    [
      'a digest that leads out of the cache',
      { schemaVersion: 2, manifests: [{ mediaType: 'x', digest: 'sha256:../../../etc/passwd', size: 1 }] },
    ],
  ])('refuses %s and names the blob', async (_, document) => {
    const cache = await temporaryCache()
    const descriptor = await cache.writeJson(document, MEDIA_TYPE.manifest)
    await cache.setName(NAME, descriptor)
    await expect(cache.find(REFERENCE, AMD64)).rejects.toMatchObject({
      code: 'image/bad-json',
      message: expect.stringContaining(descriptor.digest),
    })
  })

  it('does not hand out a damaged manifest', async () => {
    const cache = await temporaryCache()
    const { digest, size } = await storeImage(cache, NAME, [layer('x')])
    await writeFile(cache.blobs.path(digest), '{'.repeat(size))
    await expect(cache.find(REFERENCE, AMD64)).rejects.toMatchObject({ code: 'image/corrupt-blob' })
  })
})

describe('emptyCache', () => {
  it('takes everything of the cache and nothing else', async () => {
    const cache = await temporaryCache()
    await storeImage(cache, NAME, [layer('one')])
    await mkdir(join(cache.directory, 'debian', 'pool'), { recursive: true })
    await writeFile(join(cache.directory, 'mine'), 'stays')
    await emptyCache(cache)
    expect(await cache.names()).toEqual([])
    expect(await cache.blobs.list()).toEqual([])
    expect(await readdir(cache.directory)).toEqual(expect.not.arrayContaining(['debian']))
    expect(await readFile(join(cache.directory, 'mine'), 'utf8')).toBe('stays')
  })
})

describe('collectGarbage', () => {
  const blobCount = async (cache: ImageCache) => (await cache.blobs.list()).length

  it('removes what no image refers to, unless somebody is putting images together', async () => {
    const cache = await temporaryCache()
    await storeImage(cache, NAME, [layer('common'), layer('old')])
    await storeImage(cache, NAME, [layer('common'), layer('new')])
    const other = await openCache(cache.directory)
    {
      await using _ = await other.hold()
      expect(await collectGarbage(cache)).toEqual({ removed: 0, bytes: 0, kept: 3 })
    }
    // Manifest, config and top layer of the image that was replaced.
    expect(await collectGarbage(cache)).toMatchObject({ removed: 3, kept: 0 })
    expect(await findImage(cache, NAME)).toBeDefined()
    expect(await blobCount(cache)).toBe(4)
  })

  it('takes away what a killed writer left', async () => {
    const cache = await temporaryCache()
    const script = await bundle(`
      import { openCache } from './cache.js'
      void openCache(process.argv[2]).then((cache) => cache.hold().then(() => cache.writeBlob((async function* () {
        yield Buffer.alloc(100000)
        console.log('writing')
        await new Promise((resolve) => setTimeout(resolve, 1e8))
      })())))
    `)
    const child = spawn(process.execPath, [script, cache.directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    await collectGarbage(cache)
    const blobs = join(cache.directory, 'blobs', 'sha256')
    expect(await readdir(blobs)).toEqual([expect.stringMatching(/^\.tmp-/)])
    child.kill('SIGKILL')
    await once(child, 'exit')
    await collectGarbage(cache)
    expect(await readdir(blobs)).toEqual([])
    expect((await readdir(cache.directory)).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
  })
})

describe('removeImages', () => {
  it('takes names as a yml has them, and removes all or none', async () => {
    const cache = await temporaryCache()
    await storeImage(cache, NAME, [layer('1')])
    await storeImage(cache, 'odd name', [layer('2')])
    await expect(removeImages(cache, ['linuxkit/test:v1', 'redis'])).rejects.toMatchObject({ code: 'image/not-found' })
    expect(await cache.names()).toHaveLength(2)
    expect((await removeImages(cache, ['linuxkit/test:v1', 'odd name'])).names).toEqual([NAME, 'odd name'])
    expect(await cache.names()).toEqual([])
    expect(await cache.blobs.list()).toEqual([])
  })

  it('leaves what another image uses', async () => {
    const cache = await temporaryCache()
    await storeImage(cache, NAME, [layer('common'), layer('mine')])
    await storeImage(cache, 'other', [layer('common')])
    await removeImages(cache, [NAME])
    expect(await cache.blobs.list()).toHaveLength(3)
    expect((await cache.inventory(...(await cache.roots()))).missing.size).toBe(0)
  })
})

describe('listImages', () => {
  it('shows names, platforms and sizes', async () => {
    const cache = await temporaryCache()
    const amd64 = await storeImage(cache, 'b', [layer('amd64')])
    const arm64 = await storeImage(cache, 'c', [layer('arm64')], 'arm64')
    await addToIndex(cache, 'a', [amd64, arm64])
    const [a, b, c] = await listImages(cache)
    expect(a).toMatchObject({ name: 'a', platforms: ['linux/amd64', 'linux/arm64'] })
    expect(b).toMatchObject({ name: 'b', platforms: ['linux/amd64'], digest: amd64.digest })
    expect(a?.size).toBeGreaterThan((b?.size ?? 0) + (c?.size ?? 0))
  })
})
