import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { entry } from '../../archive/entry.js'
import { textContent } from '../../base/content.js'
import { silent } from '../../base/progress.js'
import type { ImageCache } from '../cache.js'
import type { CachedImage } from '../cached-image.js'
import { exportImage, type ExportFormat } from '../export.js'
import { parseReference } from '../reference.js'
import { findImage, storeImage, temporaryCache, temporaryDirectory } from '../test-support.js'
import { EngineClient } from './client.js'
import { engineImage } from './engine-image.js'

const NAME = 'docker.io/org/app:v1'
const SIGNAL = new AbortController().signal
const layer = (text: string) => [entry({ path: 'file', type: 'file', content: textContent(text) })]

let cache: ImageCache
let inEngine: ImageCache
let socket: string
let server: Server
let requests: string[]
/** Cuts what the engine sends off after so many bytes. */
let cutAt: number

/** An engine that has the images of a cache, for amd64. */
function engine(format: ExportFormat): Server {
  return createServer((request, response) => {
    void (async () => {
      const [, name = '', what] = /^\/images\/(.+)\/(json|get)$/.exec(decodeURIComponent(request.url ?? '')) ?? []
      requests.push(what ?? '')
      const image = await inEngine.find(parseReference(name), { os: 'linux', architecture: 'amd64' })
      if (image === undefined) response.writeHead(404).end('{"message":"No such image"}')
      else if (what === 'json') {
        response.end(JSON.stringify({ Id: image.manifest.config.digest, Os: 'linux', Architecture: image.config.architecture }))
      } else {
        let sent = 0
        for await (const chunk of exportImage(inEngine, name, { format, platform: 'linux/amd64' }, SIGNAL)) {
          response.write(chunk)
          sent += chunk.length
          if (sent > cutAt) response.destroy()
        }
        response.end()
      }
    })()
  })
}

async function listen(format: ExportFormat): Promise<void> {
  server = engine(format)
  server.listen(socket)
  await once(server, 'listening')
}

beforeEach(async () => {
  cache = await temporaryCache()
  inEngine = await temporaryCache()
  socket = join(await temporaryDirectory(), 'docker.sock')
  requests = []
  cutAt = Infinity
  await storeImage(inEngine, NAME, [layer('one'), layer('two')])
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function ask(name = 'org/app:v1', architecture = 'amd64'): Promise<CachedImage | undefined> {
  const client = new EngineClient({ endpoint: { type: 'socket', path: socket }, signal: SIGNAL, stallTimeout: 5000 })
  return engineImage(parseReference(name), {
    cache,
    engine: client,
    platform: { os: 'linux', architecture },
    progress: silent,
    signal: SIGNAL,
  })
}

describe('engineImage', () => {
  it.each(['docker', 'oci'] as const)('copies an image that the engine sends as %s archive, once', async (format) => {
    await listen(format)
    const image = await ask()
    expect(image?.reference.text).toBe(NAME)
    expect(image?.manifest.config.digest).toBe((await findImage(inEngine, NAME)).manifest.config.digest)
    expect((await cache.names()).map(({ name }) => name)).toEqual([`docker-daemon:${NAME}`])
    expect((await ask())?.descriptor.digest).toBe(image?.descriptor.digest)
    expect(requests).toEqual(['json', 'get', 'json'])
  })

  it('takes another image under the same name, and the one of the cache when it is the same', async () => {
    await listen('oci')
    await ask()
    await storeImage(inEngine, NAME, [layer('newer')])
    const newer = await findImage(inEngine, NAME)
    expect((await ask())?.descriptor.digest).toBe(newer.descriptor.digest)
    await storeImage(cache, NAME, [layer('third')])
    await storeImage(inEngine, NAME, [layer('third')])
    requests = []
    expect((await ask())?.descriptor.digest).toBe((await findImage(cache, NAME)).descriptor.digest)
    expect(requests).toEqual(['json'])
  })

  it('has nothing for another name or architecture', async () => {
    await listen('oci')
    expect(await ask('org/other')).toBeUndefined()
    expect(await ask(NAME, 'arm64')).toBeUndefined()
    expect(await cache.names()).toEqual([])
  })

  it('files nothing when the engine breaks off, and says where there is none', async () => {
    cutAt = 600
    await listen('docker')
    await expect(ask()).rejects.toMatchObject({ code: 'engine/unreachable' })
    expect(await cache.names()).toEqual([])
    socket = join(await temporaryDirectory(), 'nobody.sock')
    await expect(ask()).rejects.toMatchObject({ code: 'engine/unreachable', message: expect.stringContaining(socket) })
  })
})
