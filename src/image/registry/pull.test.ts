import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../base/digest.js'
import { silent, type ProgressEvent } from '../../base/progress.js'
import { openCache, type ImageCache } from '../cache.js'
import { parseReference } from '../reference.js'
import { RegistryClient } from './client.js'
import { parseMirrors } from './mirrors.js'
import { pullImage } from './pull.js'

/** Hardly compressible, and the same every time. */
function noise(size: number): Buffer {
  let state = 1
  return Buffer.from(Array.from({ length: size }, () => (state = (state * 48271) % 0x7fffffff) & 0xff))
}

const LAYER = gzipSync(noise(300_000))
const CONFIG = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }))
const descriptor = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length })
const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', CONFIG),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar+gzip', LAYER)],
  }),
)
const INDEX = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      { ...descriptor('application/vnd.oci.image.manifest.v1+json', MANIFEST), platform: { os: 'linux', architecture: 'amd64' } },
    ],
  }),
)

type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => boolean

/** A registry of one image, `app:1`; a handler may answer in its place by returning true. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? ''
  const blobs = new Map([LAYER, CONFIG, MANIFEST, INDEX].map((bytes) => [digestOf(bytes) as string, bytes]))
  const found = path.endsWith('/manifests/1') ? INDEX : blobs.get(path.split('/').at(-1) ?? '')
  if (found === undefined || !path.startsWith('/v2/org/app/')) {
    response.writeHead(404).end()
    return
  }
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const type = found === INDEX ? 'application/vnd.oci.image.index.v1+json' : 'application/vnd.oci.image.manifest.v1+json'
  response.writeHead(start > 0 ? 206 : 200, { 'content-type': type }).end(found.subarray(start))
}

let servers: Server[] = []
let directory: string
let cache: ImageCache
let seen: { readonly url: string; readonly authorization: string | undefined; readonly range: string | undefined }[]

async function listen(handler: Handler): Promise<string> {
  const server = createServer((request, response) => {
    seen.push({ url: request.url ?? '', authorization: request.headers.authorization, range: request.headers.range })
    if (!handler(request, response, request.url ?? '')) serve(request, response)
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeEach(async () => {
  servers = []
  seen = []
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-pull-'))
  cache = await openCache(join(directory, 'cache'))
})

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  await rm(directory, { recursive: true, force: true })
})

interface PullSettings {
  readonly name?: string
  readonly mirror?: string
  readonly architecture?: string
  readonly progress?: (event: ProgressEvent) => void
}

async function pull(
  host: string,
  { name = 'org/app:1', mirror, architecture = 'amd64', progress = silent }: PullSettings = {},
): Promise<void> {
  const client = new RegistryClient({
    mirrors: parseMirrors(mirror === undefined ? [] : [mirror]),
    environment: { DOCKER_CONFIG: directory, PATH: process.env['PATH'] },
    progress,
    signal: new AbortController().signal,
    stallTimeout: 500,
    retryDelay: 1,
  })
  const reference = parseReference(mirror === undefined ? `${host}/${name}` : name)
  await pullImage(reference, { cache, client, platform: { os: 'linux', architecture }, progress: silent })
}

async function complete(name: string): Promise<boolean> {
  const image = await cache.find(parseReference(name), { os: 'linux', architecture: 'amd64' })
  return image !== undefined
}

describe('pullImage', () => {
  it('stores an image under its name, and fetches no blob twice', async () => {
    const host = await listen(() => false)
    await pull(host)
    expect(await complete(`${host}/org/app:1`)).toBe(true)
    const requests = seen.length
    await pull(host)
    expect(seen.length - requests).toBe(2)
  })

  it('keeps the name of the registry when a mirror serves it', async () => {
    const host = await listen(() => false)
    await pull(host, { mirror: `docker.io=http://${host}` })
    expect(await complete('org/app:1')).toBe(true)
  })

  it.each([
    ['500', (response: ServerResponse) => response.writeHead(500).end()],
    ['429', (response: ServerResponse) => response.writeHead(429, { 'retry-after': '0' }).end()],
    ['a dropped connection', (response: ServerResponse) => response.socket?.destroy()],
  ])('tries again after %s at every kind of request', async (_title, fail) => {
    const failed = new Set<string>()
    const host = await listen((_request, response, path) => {
      if (failed.has(path)) return false
      failed.add(path)
      fail(response)
      return true
    })
    await pull(host)
    expect(await complete(`${host}/org/app:1`)).toBe(true)
    expect(failed.size).toBe(4)
  })

  it('takes a layer up where the connection broke', async () => {
    let broken = false
    const host = await listen((_request, response, path) => {
      if (broken || !path.endsWith(digestOf(LAYER))) return false
      broken = true
      response.writeHead(200, { 'content-length': LAYER.length })
      response.write(LAYER.subarray(0, 1000), () => response.socket?.destroy())
      return true
    })
    await pull(host)
    expect(await complete(`${host}/org/app:1`)).toBe(true)
    expect(seen.some(({ range }) => range !== undefined)).toBe(true)
  })

  it.each([
    ['a wrong layer', LAYER, 'image/digest-mismatch'],
    ['a wrong manifest', MANIFEST, 'image/corrupt-blob'],
  ])('keeps nothing of an image with %s', async (_title, bytes, code) => {
    const host = await listen((_request, response, path) => {
      if (!path.endsWith(digestOf(bytes))) return false
      const wrong = Buffer.from(bytes)
      wrong[wrong.length - 9] = 0x20
      response.end(wrong)
      return true
    })
    await expect(pull(host)).rejects.toMatchObject({ code })
    expect(await cache.names()).toEqual([])
  })

  it('gives up on a registry that stops sending, and on one that fails for good', async () => {
    const silence = await listen((_request, response, path) => {
      if (!path.endsWith(digestOf(LAYER))) return false
      response.writeHead(200, { 'content-length': LAYER.length }).write(LAYER.subarray(0, 10))
      return true
    })
    await expect(pull(silence)).rejects.toMatchObject({ code: 'registry/stalled' })
    const broken = await listen((_request, response) => {
      response.writeHead(503).end()
      return true
    })
    await expect(pull(broken)).rejects.toMatchObject({ code: 'registry/status' })
  })

  it('does not ask again for what is not there or not allowed, and says what was asked for', async () => {
    const host = await listen(() => false)
    await expect(pull(host, { name: 'org/nothing:1' })).rejects.toMatchObject({
      code: 'registry/not-found',
      message: expect.stringContaining('org/nothing:1'),
    })
    expect(seen.length).toBe(1)
    await expect(pull(host, { architecture: 's390x' })).rejects.toMatchObject({ code: 'image/no-platform' })
    await expect(pull('127.0.0.1:1')).rejects.toMatchObject({ code: 'registry/unreachable' })
  })

  it('logs in with a token, and shows credentials to the token server of the registry only', async () => {
    await writeFile(join(directory, 'config.json'), '{}')
    const strangers = await listen((_request, response) => {
      response.end('{"token":"t"}')
      return true
    })
    let realm = strangers.replace('127.0.0.1', 'localhost')
    const host = await listen((request, response, path) => {
      if (path.startsWith('/token')) {
        response.end('{"token":"t"}')
        return true
      }
      if (request.headers.authorization === 'Bearer t') return false
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${realm}/token",service="s"` }).end()
      return true
    })
    const auth = Buffer.from('user:secret').toString('base64')
    await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }))
    await pull(host)
    expect(seen.filter(({ url }) => url.startsWith('/token')).map(({ authorization }) => authorization)).toEqual([undefined])
    realm = host
    await pull(host)
    expect(seen.findLast(({ url }) => url.startsWith('/token'))?.authorization).toBe(`Basic ${auth}`)
  })

  it('never shows credentials to the host that a blob is redirected to', async () => {
    const storage = await listen((_request, response) => {
      response.end(LAYER)
      return true
    })
    const host = await listen((request, response, path) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
        return true
      }
      if (!path.endsWith(digestOf(LAYER))) return false
      response.writeHead(307, { location: `http://${storage}/stored` }).end()
      return true
    })
    const auth = Buffer.from('user:secret').toString('base64')
    await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }))
    await pull(host)
    expect(await complete(`${host}/org/app:1`)).toBe(true)
    expect(seen.filter(({ url }) => url === '/stored').map(({ authorization }) => authorization)).toEqual([undefined])
  })

  it('goes on without credentials when a helper is missing, and says which and from which file', async () => {
    await writeFile(join(directory, 'config.json'), JSON.stringify({ credsStore: 'not-installed' }))
    const host = await listen((request, response, path) => {
      if (path.startsWith('/token')) {
        response.end('{"token":"t"}')
        return true
      }
      if (request.headers.authorization === 'Bearer t') return false
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end()
      return true
    })
    const events: ProgressEvent[] = []
    await pull(host, { progress: (event) => events.push(event) })
    expect(await complete(`${host}/org/app:1`)).toBe(true)
    const warnings = events.flatMap((event) => (event.type === 'warning' ? event.message : []))
    expect(warnings).toEqual([expect.stringContaining('docker-credential-not-installed')])
    expect(warnings[0]).toContain(join(directory, 'config.json'))
    expect(await readFile(join(directory, 'config.json'), 'utf8')).toContain('not-installed')
  })
})
