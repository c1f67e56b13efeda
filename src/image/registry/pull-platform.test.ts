import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { entry } from '../../archive/entry.js'
import { textContent } from '../../base/content.js'
import { isDigest } from '../../base/digest.js'
import { silent } from '../../base/progress.js'
import { writeSbomAttestation } from '../attestation.js'
import type { ImageCache } from '../cache.js'
import { writeIndex } from '../image-writer.js'
import type { Descriptor } from '../oci.js'
import { parseReference } from '../reference.js'
import { findImage, storeImage, temporaryCache } from '../test-support.js'
import { RegistryClient } from './client.js'
import { parseMirrors } from './mirrors.js'
import { pullImage } from './pull.js'

/** A registry of what a cache holds; every tag is that of `index`. */
async function serve(cache: ImageCache, index: Descriptor): Promise<string> {
  const server = createServer((request, response) => {
    const last = request.url?.split('/').at(-1) ?? ''
    const digest = isDigest(last) ? last : index.digest
    readFile(cache.blobs.path(digest)).then(
      (bytes) => {
        const { mediaType = 'application/octet-stream' } = bytes[0] === 0x7b ? (JSON.parse(bytes.toString()) as { mediaType?: string }) : {}
        response.writeHead(200, { 'content-type': mediaType }).end(bytes)
      },
      () => response.writeHead(404).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

it('fetches the image of the wanted platform with its attestation, and of the others nothing', async () => {
  const source = await temporaryCache()
  const manifests: Descriptor[] = []
  for (const architecture of ['amd64', 'arm64']) {
    const file = entry({ path: architecture, type: 'file', content: textContent(architecture) })
    const image = await storeImage(source, `docker.io/test/${architecture}`, [[file]], architecture)
    manifests.push({ ...image, platform: { os: 'linux', architecture } })
  }
  for (const image of manifests.slice()) {
    manifests.push(await writeSbomAttestation(source, image, 'test', [{ spdxVersion: 'SPDX-2.3', name: image.platform?.architecture }]))
  }
  const host = await serve(source, await writeIndex(source, manifests))
  const cache = await temporaryCache()
  const client = new RegistryClient({
    mirrors: parseMirrors([]),
    environment: {},
    progress: silent,
    signal: AbortSignal.timeout(30_000),
    retryDelay: 1,
  })
  const reference = parseReference(`${host}/test/multi:1`)
  await pullImage(reference, { cache, client, platform: { os: 'linux', architecture: 'arm64' }, progress: silent })

  expect(await Promise.all(manifests.map((one) => cache.hasBlob(one)))).toEqual([false, true, false, true])
  const image = await findImage(cache, reference.text, 'arm64')
  expect(await image.sboms()).toEqual([{ spdxVersion: 'SPDX-2.3', name: 'arm64' }])
  expect(image.root.digest).toBe((await cache.resolve(reference))?.digest)
})
