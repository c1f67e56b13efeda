import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { entry } from '../archive/entry.js'
import { textContent } from '../base/content.js'
import { silent } from '../base/progress.js'
import type { ImageCache } from './cache.js'
import { checkCache, repairImage } from './check.js'
import { addToIndex } from './image-writer.js'
import { publishedImages } from './published.js'
import { RegistryClient } from './registry/client.js'
import { findImage, storeImage, temporaryCache } from './test-support.js'

const SIGNAL = new AbortController().signal
const layer = (text: string) => [entry({ path: 'file', type: 'file', content: textContent(text) })]

let servers: Server[] = []

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  servers = []
})

/** A registry that has what a cache has: every name is "latest". @returns its host */
async function serve(cache: ImageCache): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const what = /\/(?:manifests|blobs)\/(.+)$/.exec(request.url ?? '')?.[1] ?? ''
      const digest = what.startsWith('sha256:') ? what : ((await cache.names())[0]?.descriptor.digest ?? '')
      const bytes = await readFile(cache.blobs.path(digest as 'sha256:')).catch(() => undefined)
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes)
    })()
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const client = (): RegistryClient =>
  new RegistryClient({ mirrors: new Map(), environment: {}, progress: silent, signal: SIGNAL, retryDelay: 1 })

/** An index of two platforms under one name, in two caches. */
async function twins(): Promise<{ readonly cache: ImageCache; readonly source: ImageCache; readonly name: string }> {
  const [cache, source] = [await temporaryCache(), await temporaryCache()]
  const name = `${await serve(source)}/org/app:v1`
  for (const one of [cache, source]) {
    const images = []
    for (const arch of ['amd64', 'arm64']) images.push(await storeImage(one, arch, [layer('common'), layer(arch)], arch))
    await addToIndex(one, name, images)
    await one.removeNames(['amd64', 'arm64'])
  }
  return { cache, source, name }
}

async function damage(cache: ImageCache, digest: string, how: 'a bit' | 'cut off' | 'empty'): Promise<void> {
  const path = cache.blobs.path(digest as 'sha256:')
  const bytes = await readFile(path)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  await writeFile(path, how === 'a bit' ? bytes : how === 'empty' ? '' : bytes.subarray(0, bytes.length - 3))
}

describe('checkCache and repairImage', () => {
  it('find nothing in a good cache', async () => {
    const { cache } = await twins()
    expect(await checkCache(cache, silent, SIGNAL)).toMatchObject({ blobs: 8, damaged: [], broken: [] })
  })

  const manifest = async (cache: ImageCache, name: string) => (await findImage(cache, name, 'arm64')).manifest
  const targets: Readonly<Record<string, (cache: ImageCache, name: string) => Promise<string>>> = {
    'the index': async (cache, name) => (await findImage(cache, name)).root.digest,
    'a manifest': async (cache, name) => (await findImage(cache, name, 'arm64')).descriptor.digest,
    'a config': async (cache, name) => (await manifest(cache, name)).config.digest,
    'a layer': async (cache, name) => (await manifest(cache, name)).layers[1]?.digest ?? '',
  }

  it.each([
    ['the index', 'a bit'],
    ['a manifest', 'a bit'],
    ['a config', 'a bit'],
    ['a layer', 'a bit'],
    ['a layer', 'cut off'],
    ['a manifest', 'empty'],
  ] as const)('with %s damaged (%s) mend it from the registry', async (what, how) => {
    const { cache, name } = await twins()
    const digest = (await targets[what]?.(cache, name)) ?? ''
    await damage(cache, digest, how)
    const { damaged, broken } = await checkCache(cache, silent, SIGNAL)
    expect(damaged).toEqual([digest])
    expect(broken).toMatchObject([{ name, blobs: [{ digest, problem: 'damaged' }] }])
    for (const image of broken) await repairImage(cache, image, client(), damaged)
    expect(await checkCache(cache, silent, SIGNAL)).toMatchObject({ blobs: 8, damaged: [], broken: [] })
  })

  it('mend an image that has lost its manifest and what that leads to', async () => {
    const { cache, name } = await twins()
    const image = await findImage(cache, name, 'arm64')
    for (const { digest } of [image.root, image.descriptor, image.manifest.config]) await damage(cache, digest, 'a bit')
    const { broken, damaged } = await checkCache(cache, silent, SIGNAL)
    for (const one of broken) await repairImage(cache, one, client(), damaged)
    expect(await checkCache(cache, silent, SIGNAL)).toMatchObject({ blobs: 8, damaged: [], broken: [] })
  })

  it('say what a registry does not have', async () => {
    const { cache, source, name } = await twins()
    const { digest } = (await findImage(cache, name)).descriptor
    await damage(cache, digest, 'a bit')
    await source.blobs.remove(digest)
    const { broken, damaged } = await checkCache(cache, silent, SIGNAL)
    const repairs = Promise.all(broken.map((image) => repairImage(cache, image, client(), damaged)))
    await expect(repairs).rejects.toMatchObject({ code: 'registry/not-found' })
  })

  it('do not take a platform that was never pulled for missing', async () => {
    const { cache, name } = await twins()
    await cache.blobs.remove((await findImage(cache, name, 'arm64')).descriptor.digest)
    expect((await checkCache(cache, silent, SIGNAL)).broken).toEqual([])
  })
})

describe('publishedImages', () => {
  it('are those that the registry has with the same digest', async () => {
    const { cache, source, name } = await twins()
    expect(await publishedImages(await cache.names(), client(), silent)).toMatchObject([{ name }])
    const messages: string[] = []
    await storeImage(source, name, [layer('newer')])
    await cache.setName('no name', (await findImage(cache, name)).root)
    const images = await publishedImages(await cache.names(), client(), (event) => 'message' in event && messages.push(event.message))
    expect(images).toEqual([])
    expect(messages).toEqual([expect.stringContaining('mismatched hashes'), expect.stringContaining('no registry can have')])
  })
})
