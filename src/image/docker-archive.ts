import { posix } from 'node:path'
import { decompress } from '../archive/decompress.js'
import type { Entry } from '../archive/entry.js'
import { readAll } from '../base/content.js'
import { DigestMeter, type Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import type { ImageCache } from './cache.js'
import { JsonNode } from './json-node.js'
import { MEDIA_TYPE, readImageConfig, type BlobId, type Descriptor, type ImageConfig, type Manifest } from './oci.js'

/** Of manifest.json, which is held in memory. */
const MANIFEST_LIMIT = 4 << 20

/** What archives call configs and layers. Other files are of no use: what a layer is called is not free in practice. */
const BLOB_NAME = /^(?:[0-9a-f]{64}\/layer\.tar|[0-9a-f]{64}\.tar(?:\.gz)?|(?:sha256:)?[0-9a-f]{64}(?:\.json)?)$/

/** Names of this form are digests of the file: `<hex>.json` of old Dockers, `sha256:<hex>` of LinuxKit. */
const CONFIG_NAME = /^(?:sha256:)?([0-9a-f]{64})(?:\.json)?$/

/**
 * What `docker save` wrote before Docker 25 (Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format"). Which of the files are layers is
 * known only when manifest.json has been met, so all are stored as they come; what is none is garbage.
 */
export class DockerArchive {
  readonly #cache: ImageCache
  readonly #files = new Map<string, BlobId>()
  /** Layers that several images share are links in old archives. */
  readonly #links = new Map<string, string>()
  #manifest: JsonNode | undefined

  constructor(cache: ImageCache) {
    this.#cache = cache
  }

  /** The list of images, once it has been met. */
  get manifest(): JsonNode | undefined {
    return this.#manifest
  }

  /** Notes a file that is in the cache already. */
  addBlob(path: string, blob: BlobId): void {
    this.#files.set(path, blob)
  }

  /** Takes an entry of the archive, whose path is clean. */
  async add({ path, type, link, content }: Entry): Promise<void> {
    if (type === 'symlink') this.#links.set(path, posix.join(posix.dirname(path), link))
    else if (type === 'hardlink') this.#links.set(path, posix.normalize(link))
    else if (type !== 'file') return
    else if (path === 'manifest.json') {
      if (content.size > MANIFEST_LIMIT) throw bad(`its manifest.json has more than ${MANIFEST_LIMIT} bytes`)
      this.#manifest = JsonNode.parse((await readAll(content.open(), MANIFEST_LIMIT)).toString('utf8'), 'manifest.json of the archive')
    } else if (BLOB_NAME.test(path)) {
      const hex = CONFIG_NAME.exec(path)?.[1]
      const expected = hex === undefined ? undefined : ({ digest: `sha256:${hex}`, size: content.size } as const)
      this.#files.set(path, await this.#cache.writeBlob(content.open(), expected))
    }
  }

  /** The images with manifests of their own. @throws {LinuxkitError} `image/bad-archive` */
  async images(signal: AbortSignal): Promise<readonly { readonly name: string | undefined; readonly descriptor: Descriptor }[]> {
    const images = []
    for (const image of this.#manifest?.list((node) => node) ?? []) {
      const names = image.get('RepoTags').optional((tags) => tags.strings()) ?? []
      const config = this.#file(image.get('Config').string())
      const layers = image.get('Layers').optional((list) => list.strings()) ?? []
      const descriptor = await this.#image(
        config,
        layers.map((path) => this.#file(path)),
        signal,
      )
      for (const name of names.length === 0 ? [undefined] : names) images.push({ name, descriptor })
    }
    return images
  }

  async #image(configBlob: BlobId, blobs: readonly BlobId[], signal: AbortSignal): Promise<Descriptor> {
    const config = readImageConfig(await this.#cache.readJson(configBlob))
    if (config.rootfs.diff_ids.length !== blobs.length) {
      throw bad(`${configBlob.digest} speaks of ${config.rootfs.diff_ids.length} layers, and the archive has ${blobs.length}`)
    }
    const layers: Descriptor[] = []
    for (const [number, blob] of blobs.entries()) {
      signal.throwIfAborted()
      layers.push({ mediaType: await this.#verifiedType(blob, config.rootfs.diff_ids[number]), ...blob })
    }
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: { mediaType: MEDIA_TYPE.config, ...configBlob },
      layers,
    }
    return { ...(await this.#cache.writeJson(manifest, MEDIA_TYPE.manifest)), platform: platformOf(config) }
  }

  /** The names of layers say nothing certain, but the config has the digest of what they unpack to. @returns the media type */
  async #verifiedType(blob: BlobId, diffId: Digest | undefined): Promise<string> {
    if (blob.digest === diffId) return MEDIA_TYPE.layer
    const content = this.#cache.blob(blob)
    const magic = (await readAll(content.open({ start: 0, end: Math.min(4, blob.size) }), 4)).toString('hex')
    const meter = new DigestMeter()
    for await (const chunk of decompress(content.open())) meter.update(chunk)
    if (meter.digest() !== diffId) throw bad(`the layer ${blob.digest} is not the one that its image names, ${diffId}`)
    return magic === '28b52ffd' ? `${MEDIA_TYPE.layer}+zstd` : MEDIA_TYPE.layerGzip
  }

  #file(path: string): BlobId {
    let target = posix.normalize(path)
    for (let steps = 0; steps < 8; steps++) {
      const file = this.#files.get(target)
      if (file !== undefined) return file
      const next = this.#links.get(target)
      if (next === undefined) break
      target = next
    }
    throw bad(`it has no ${path}`)
  }
}

function platformOf({ architecture, os, variant }: ImageConfig): Descriptor['platform'] {
  return variant === undefined ? { architecture, os } : { architecture, os, variant }
}

function bad(reason: string): LinuxkitError {
  return new LinuxkitError('image/bad-archive', `cannot load images from the archive: ${reason}`)
}
