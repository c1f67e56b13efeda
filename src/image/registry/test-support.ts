import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, request as forward, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { digestOf } from '../../base/digest.js'
import { run } from '../../base/exec.js'
import { silent } from '../../base/progress.js'
import type { ImageCache } from '../cache.js'
import { isIndex, MEDIA_TYPE, type Descriptor } from '../oci.js'
import { parseReference } from '../reference.js'
import { temporaryDirectory } from '../test-support.js'
import { RegistryClient } from './client.js'
import type { RegistryOptions } from './session.js'

/** Hardly compressible, and the same for the same seed. */
export function noise(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size)
  let state = seed
  for (let index = 0; index < size; index += 1) {
    state = (state * 48271) % 0x7fffffff
    bytes[index] = state & 0xff
  }
  return bytes
}

/** Debian's docker-registry on a free port of this machine. @param config added to its configuration @returns its host */
export async function startRegistry(directory: string, config: Readonly<Record<string, unknown>> = {}, http: object = {}) {
  const file = join(directory, 'registry.yml')
  const storage = { filesystem: { rootdirectory: join(directory, 'registry') }, delete: { enabled: true } }
  await writeFile(file, JSON.stringify({ version: '0.1', storage, http: { addr: '127.0.0.1:0', ...http }, ...config }))
  const registry = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const said: string[] = []
  const host = await new Promise<string>((resolve, reject) => {
    registry.on('error', reject)
    registry.on('exit', () => reject(new Error(said.join('\n'))))
    createInterface({ input: registry.stderr }).on('line', (line) => {
      said.push(line)
      const port = /listening on [^ ]*:(\d+)/.exec(line)?.[1]
      if (port !== undefined) resolve(`127.0.0.1:${port}`)
    })
  })
  return {
    host,
    async [Symbol.asyncDispose]() {
      registry.kill('SIGKILL')
      if (registry.exitCode === null && registry.signalCode === null) await once(registry, 'exit')
    },
  }
}

export interface Exchange {
  readonly method: string
  readonly url: string
  readonly authorization: string | undefined
}

/** A server on a free port of this machine that remembers what it was sent. */
export async function listen(listener: RequestListener, address = '127.0.0.1') {
  const seen: Exchange[] = []
  const server: Server = createServer((request, response) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', authorization: request.headers.authorization })
    listener(request, response)
  })
  server.listen(0, address)
  await once(server, 'listening')
  return {
    server,
    seen,
    host: `${address}:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

export type Body = (chunks: AsyncIterable<Buffer>) => AsyncIterable<Buffer>

export interface ForwardOptions {
  /** Changes what the client sends. */
  readonly question?: Body | undefined
  /** Changes what the registry answers; its length is not told then. */
  readonly answer?: Body | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Drops the connection instead of passing the answer on. */
  readonly lose?: boolean | undefined
}

const unchanged: Body = (chunks) => chunks

/** Passes a request on to a registry, and its answer back. */
export async function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  host: string,
  { question = unchanged, answer, headers = {}, lose = false }: ForwardOptions = {},
): Promise<void> {
  const [hostname, port] = host.split(':')
  // The registry is told the proxy's own name, so that it sends uploads through the proxy.
  const upstream = forward({ hostname, port, method: request.method, path: request.url, headers: request.headers })
  upstream.on('error', () => response.socket?.destroy())
  try {
    const answered = once(upstream, 'response') as Promise<[IncomingMessage]>
    answered.catch(() => {})
    for await (const chunk of question(request)) upstream.write(chunk)
    upstream.end()
    const [message] = await answered
    if (lose) {
      message.resume()
      response.socket?.destroy()
      return
    }
    const told = { ...message.headers, ...headers }
    if (answer !== undefined && request.method !== 'HEAD') delete told['content-length']
    response.writeHead(message.statusCode ?? 500, told)
    for await (const chunk of (answer ?? unchanged)(message)) {
      if (!response.write(chunk)) await once(response, 'drain')
    }
    response.end()
  } catch {
    upstream.destroy()
    response.socket?.destroy()
  }
}

/** A client that does not wait, and sees nothing of this machine's settings. */
export function testClient(home: string, options: Partial<RegistryOptions> = {}): RegistryClient {
  return new RegistryClient({
    mirrors: new Map(),
    environment: { DOCKER_CONFIG: home, PATH: process.env['PATH'] },
    progress: silent,
    signal: new AbortController().signal,
    stallTimeout: 5000,
    retryDelay: 1,
    ...options,
  })
}

/** Stores an image of two layers for each architecture, in an index. */
export async function storeIndex(
  cache: ImageCache,
  name: string,
  architectures: readonly string[],
  layerSize = 60_000,
): Promise<Descriptor> {
  const manifests: Descriptor[] = []
  for (const architecture of architectures) {
    const layers: Descriptor[] = []
    for (const seed of [1, architecture.length + architecture.charCodeAt(0)]) {
      layers.push({ mediaType: MEDIA_TYPE.layer, ...(await cache.writeBlob(bytesOf(noise(layerSize, seed)))) })
    }
    const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) }
    const config = await cache.writeJson({ architecture, os: 'linux', rootfs }, MEDIA_TYPE.config)
    const manifest = await cache.writeJson({ schemaVersion: 2, mediaType: MEDIA_TYPE.manifest, config, layers }, MEDIA_TYPE.manifest)
    manifests.push({ ...manifest, platform: { os: 'linux', architecture } })
  }
  const index = await cache.writeJson({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests }, MEDIA_TYPE.index)
  await cache.setName(name, index)
  return index
}

async function* bytesOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

/** Platforms of an index that a registry has, as skopeo sees it. */
export async function platformsInRegistry(name: string, args: readonly string[] = []): Promise<readonly string[]> {
  const raw = JSON.parse(await run('skopeo', ['inspect', '--raw', ...args, `docker://${name}`])) as {
    readonly manifests?: readonly Descriptor[]
  }
  return (raw.manifests ?? []).map(({ platform }) => platform?.architecture ?? '')
}

/** Digests of everything that skopeo copies of an image, which it verifies, as computed here from the bytes. */
export async function copiedBySkopeo(name: string, args: readonly string[] = []): Promise<readonly string[]> {
  const directory = await temporaryDirectory()
  const copy = ['copy', '--quiet', '--all', '--preserve-digests', ...args, `docker://${name}`, `dir:${directory}`]
  await run('skopeo', ['--insecure-policy', ...copy])
  const files = (await readdir(directory)).filter((file) => file !== 'version')
  return (await Promise.all(files.map(async (file) => digestOf(await readFile(join(directory, file)))))).sort()
}

/** Digests of everything that the cache has for a name, verified. */
export async function cachedDigests(cache: ImageCache, name: string): Promise<readonly string[]> {
  const root = await cache.resolve(parseReference(name))
  if (root === undefined) return []
  const digests: string[] = []
  for (const [digest, blob] of (await cache.inventory(root)).present) {
    await cache.blobs.text(blob, Number.POSITIVE_INFINITY)
    digests.push(digest)
  }
  return digests.sort()
}

/** What is wrong with a cache: damaged or unfinished blobs, names without all that they stand for. */
export async function faultsOfCache(cache: ImageCache): Promise<readonly string[]> {
  const directory = join(cache.directory, 'blobs', 'sha256')
  const faults: string[] = []
  for (const file of await readdir(directory)) {
    if (digestOf(await readFile(join(directory, file))) !== `sha256:${file}`) faults.push(file)
  }
  for (const { name, descriptor } of await cache.names()) {
    const document = await cache.readIndexOrManifest(descriptor)
    const wanted = isIndex(document) ? document.manifests.slice(0, 1) : [descriptor]
    if ((await cache.inventory(...wanted)).missing.size > 0) faults.push(name)
  }
  return faults
}
