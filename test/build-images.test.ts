import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { entry } from '../src/archive/entry.js'
import { textContent } from '../src/base/content.js'
import type { ProgressEvent } from '../src/base/progress.js'
import { build, lockedImages, type BuildOptions } from '../src/build.js'
import { openCache, type ImageCache } from '../src/image/cache.js'
import { exportImage } from '../src/image/export.js'
import { readImageLock, writeImageLock } from '../src/image/image-lock.js'
import { writeImage, writeIndex } from '../src/image/image-writer.js'
import { updatedLock } from '../src/image/lock-update.js'
import { parseReference } from '../src/image/reference.js'
import { RegistryClient } from '../src/image/registry/client.js'
import { tarOf } from '../src/image/test-support.js'

const AMD64 = { os: 'linux', architecture: 'amd64' } as const
const SIGNAL = new AbortController().signal

let root: string
let source: ImageCache
let server: Server
let mirror: string
let requests: string[]
let events: ProgressEvent[]

/** A registry that has what the cache `source` has. */
async function serve(): Promise<void> {
  server = createServer((request, response) => {
    void (async () => {
      const [, repository = '', what = ''] = /^\/v2\/(.+)\/(?:manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? []
      requests.push(what)
      const named = (await source.names()).find(({ name }) => name === `docker.io/${repository}:${what}`)?.descriptor.digest
      const bytes = await readFile(source.blobs.path((named ?? what) as 'sha256:')).catch(() => undefined)
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes)
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Puts an index for two platforms under a name. */
async function publish(name: string, text: string): Promise<string> {
  const images = []
  for (const architecture of ['amd64', 'arm64']) {
    const layer = tarOf([entry({ path: 'file', type: 'file', content: textContent(`${text} ${architecture}`) })])
    images.push(await writeImage(source, { layers: [layer], config: { architecture, os: 'linux', created: '2026-01-02T03:04:05Z' } }))
  }
  const index = await writeIndex(source, images)
  await source.setName(parseReference(name).text, index)
  return index.digest
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'linuxkit-build-images-'))
  source = await openCache(join(root, 'registry'))
  requests = []
  events = []
  await serve()
  await writeFile(join(root, 'image.yml'), 'init:\n  - org/one:1\n  - org/two:2\n')
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await rm(root, { recursive: true, force: true })
})

async function make(overrides: Partial<BuildOptions> = {}): Promise<string> {
  const [path = ''] = await build({
    sources: [join(root, 'image.yml')],
    formats: ['tar'],
    destination: { type: 'files', base: join(root, 'image') },
    arch: 'amd64',
    cacheDirectory: join(root, 'cache'),
    mirrors: [mirror],
    sbom: undefined,
    progress: (event) => events.push(event),
    signal: SIGNAL,
    ...overrides,
  })
  return readFile(path, 'latin1')
}

const client = (): RegistryClient =>
  new RegistryClient({ mirrors: new Map([['*', mirror]]), environment: {}, progress: () => {}, signal: SIGNAL, retryDelay: 1 })

describe('build --offline', () => {
  it('names all that is missing, each with its line, and asks nobody', async () => {
    const error: unknown = await make({ offline: true }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'image/offline',
      errors: [
        { message: expect.stringContaining('org/one:1 for linux/amd64'), where: { line: 2 } },
        { message: expect.stringContaining('org/two:2 for linux/amd64'), where: { line: 3 } },
      ],
    })
    expect(requests).toEqual([])
  })

  it('builds from the cache', async () => {
    await publish('org/one:1', 'one')
    await publish('org/two:2', 'two')
    const first = await make()
    requests = []
    expect(await make({ offline: true })).toBe(first)
    expect(requests).toEqual([])
  })

  it.each([{ pull: true }, { sources: ['https://example.test/a.yml'] }])('contradicts %j', async (flags) => {
    await expect(make({ offline: true, ...flags })).rejects.toMatchObject({ code: 'build/offline' })
  })
})

describe('volumes of format oci', () => {
  it('get the platforms that they want from the registry, and those are named offline', async () => {
    await publish('org/one:1', 'one')
    await writeFile(
      join(root, 'image.yml'),
      'volumes:\n  - {name: a, image: "org/one:1", format: oci, platforms: [linux/arm64]}\n  - {name: b, image: "org/two:2", format: oci}\n',
    )
    const error: unknown = await make({ offline: true }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      errors: [
        { message: expect.stringContaining('org/one:1 for linux/arm64') },
        { message: expect.stringContaining('org/two:2 for linux/amd64') },
      ],
    })
    const index = await publish('org/two:2', 'two')
    await make({ lock: true })
    const cache = await openCache(join(root, 'cache'))
    expect(await cache.find(parseReference('org/one:1'), { os: 'linux', architecture: 'arm64' })).toBeDefined()
    expect(await cache.find(parseReference('org/one:1'), AMD64)).toBeUndefined()
    expect((await readImageLock(join(root, 'image.lock')))?.get('docker.io/org/two:2')?.digest).toBe(index)
    expect(await make({ offline: true })).toContain(`blobs/sha256/${index.slice(7)}`)
  })
})

describe('build with a damaged cache', () => {
  it.each(['layer', 'manifest', 'index'] as const)('fetches a damaged %s anew', async (what) => {
    await publish('org/one:1', 'one')
    await publish('org/two:2', 'two')
    const whole = await make()
    await rm(join(root, 'cache', 'fragments'), { recursive: true })
    const cache = await openCache(join(root, 'cache'))
    const image = await cache.find(parseReference('org/one:1'), AMD64)
    const digest = { layer: image?.manifest.layers[0], manifest: image?.descriptor, index: image?.root }[what]?.digest ?? 'sha256:'
    const bytes = await readFile(cache.blobs.path(digest))
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1
    await writeFile(cache.blobs.path(digest), bytes)
    events = []
    expect(await make()).toBe(whole)
    expect(events.filter(({ type }) => type === 'warning')).toMatchObject([{ message: expect.stringContaining('fetching it anew') }])
    expect(await readFile(cache.blobs.path(digest))).not.toEqual(bytes)
  })
})

describe('build --lock', () => {
  it('fixes builds to digests, wherever the tags go, until the lock is updated', async () => {
    const one = await publish('org/one:1', 'one')
    await publish('org/two:2', 'two')
    const locked = await make({ lock: true })
    const path = join(root, 'image.lock')
    const lock = await readImageLock(path)
    expect(lock?.get('docker.io/org/one:1')).toMatchObject({
      digest: one,
      platforms: {
        'linux/amd64': { size: expect.any(Number), created: '2026-01-02T03:04:05Z' },
        'linux/arm64': { digest: expect.any(String) },
      },
    })

    const moved = await publish('org/one:1', 'moved')
    await rm(join(root, 'cache'), { recursive: true })
    expect(await make()).toBe(locked)
    expect(await make({ pull: true })).toBe(locked)
    await rm(path)
    expect(await make({ pull: true })).not.toBe(locked)

    await writeImageLock(path, lock ?? new Map())
    // The cache has the tag as it is now, and beside it what the lock names.
    expect(await make({ offline: true })).toBe(locked)
    const { references } = await lockedImages({
      cacheDirectory: join(root, 'cache'),
      sources: [join(root, 'image.yml')],
      progress: () => {},
      signal: SIGNAL,
    })
    const update = await updatedLock(references, lock, client(), AMD64)
    expect(update.moves).toMatchObject([
      {
        name: 'docker.io/org/one:1',
        old: { digest: one, platform: { created: '2026-01-02T03:04:05Z' } },
        new: { digest: moved, platform: { size: expect.any(Number) } },
      },
    ])
    await writeImageLock(path, update.lock)
    expect(await make()).toContain('moved amd64')
  })

  it('says what of the lock is missing offline, and who asks for a digest that is gone', async () => {
    const one = await publish('org/one:1', 'one')
    await publish('org/two:2', 'two')
    await make({ lock: true })
    await rm(join(root, 'cache'), { recursive: true })
    await expect(make({ offline: true })).rejects.toMatchObject({ errors: [{ message: expect.stringContaining(`@${one}`) }, {}] })
    await source.blobs.remove(one as 'sha256:')
    await expect(make()).rejects.toMatchObject({ code: 'registry/not-found', hint: expect.stringContaining('lock update') })
  })

  it.each(['', '{}', '{"version":2,"images":{}}', '{"version":1,"images":{"a":{"digest":"x","platforms":{}}}}'])(
    'refuses the lock file %j',
    async (text) => {
      await writeFile(join(root, 'image.lock'), text)
      await expect(make()).rejects.toMatchObject({ code: 'lock/unreadable', where: { file: join(root, 'image.lock') } })
    },
  )

  it('forgets images that the yml has no more, and keeps the others as they are', async () => {
    await publish('org/one:1', 'one')
    await publish('org/two:2', 'two')
    await make({ lock: true })
    const before = await readImageLock(join(root, 'image.lock'))
    await publish('org/two:2', 'moved')
    await writeFile(join(root, 'image.yml'), 'init:\n  - org/two:2\n')
    await make({ lock: true })
    const after = await readImageLock(join(root, 'image.lock'))
    expect([...(after ?? [])]).toEqual([...(before ?? [])].filter(([name]) => name.includes('two')))
  })
})

describe('build --docker', () => {
  let engine: Server
  let asked: string[]

  /** An engine that has what a cache has; it listens where DOCKER_HOST says. */
  async function startEngine(images: ImageCache): Promise<void> {
    asked = []
    engine = createServer((request, response) => {
      void (async () => {
        const [, name = '', what] = /^\/images\/(.+)\/(json|get)$/.exec(decodeURIComponent(request.url ?? '')) ?? []
        asked.push(`${what} ${name}`)
        const image = await images.find(parseReference(name), AMD64)
        if (image === undefined) response.writeHead(404).end('{"message":"No such image"}')
        else if (what === 'json') response.end(JSON.stringify({ Id: image.manifest.config.digest, Os: 'linux', Architecture: 'amd64' }))
        else {
          for await (const chunk of exportImage(images, name, { format: 'docker', platform: 'linux/amd64' }, SIGNAL)) response.write(chunk)
          response.end()
        }
      })()
    })
    engine.listen(join(root, 'docker.sock'))
    await once(engine, 'listening')
    vi.stubEnv('DOCKER_HOST', `unix://${join(root, 'docker.sock')}`)
  }

  afterEach(() => {
    vi.unstubAllEnvs()
    engine.closeAllConnections()
    engine.close()
  })

  async function engineWith(text: string): Promise<void> {
    const images = await openCache(join(root, 'engine'))
    const layer = tarOf([entry({ path: 'file', type: 'file', content: textContent(text) })])
    const image = await writeImage(images, { layers: [layer], config: { architecture: 'amd64', os: 'linux' } })
    await images.setName('docker.io/org/one:1', image)
    await startEngine(images)
  }

  it('takes what the engine has, the rest from the registry, and nothing of it without the flag', async () => {
    await publish('org/one:1', 'registry')
    await publish('org/two:2', 'two')
    await engineWith('engine')
    const tar = await make({ docker: true })
    expect(tar).toContain('engine')
    expect(tar).toContain('two amd64')
    expect(tar).toContain('LINUXKIT.source=docker.io/org/one:1\n')
    expect(await make({ docker: true, offline: true })).toBe(tar)
    expect(asked.filter((what) => what.startsWith('get'))).toEqual(['get docker.io/org/one:1'])
    expect(await make()).toContain('registry amd64')
    expect(await make({ docker: true, pull: true })).toContain('registry amd64')
  })

  it('does not ask the engine for what a lock file fixes', async () => {
    await publish('org/one:1', 'registry')
    await publish('org/two:2', 'two')
    await make({ lock: true })
    await engineWith('engine')
    expect(await make({ docker: true })).toContain('registry amd64')
    expect(asked).toEqual([])
    await expect(make({ docker: true, lock: true })).rejects.toMatchObject({ code: 'build/lock' })
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1')
    await expect(make({ docker: true, offline: true })).rejects.toMatchObject({ code: 'build/offline' })
  })

  it('goes on with a warning when there is no engine', async () => {
    await publish('org/one:1', 'registry')
    await publish('org/two:2', 'two')
    await engineWith('engine')
    vi.stubEnv('DOCKER_HOST', `unix://${join(root, 'nobody.sock')}`)
    expect(await make({ docker: true })).toContain('registry amd64')
    expect(events.filter(({ type }) => type === 'warning')).toMatchObject([{ message: expect.stringContaining('nobody.sock') }])
  })
})
