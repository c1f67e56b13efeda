import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Content } from '../base/content.js'
import { digestOf, type Digest } from '../base/digest.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { exists, writeAtomic } from '../base/files.js'
import { BlobStore } from './blobs.js'
import { CachedImage } from './cached-image.js'
import { JsonNode } from './json-node.js'
import { withLock } from './lock.js'
import {
  isIndex,
  MEDIA_TYPE,
  platformText,
  readImageConfig,
  readIndex,
  readIndexOrManifest,
  REF_NAME,
  type BlobId,
  type Descriptor,
  type ImageConfig,
  type Index,
  type Manifest,
} from './oci.js'
import type { Reference } from './reference.js'

/** An entry of index.json: what is filed under a name. */
export interface NamedImage {
  readonly name: string
  /** Of an index or of a manifest. */
  readonly descriptor: Descriptor
}

/** Which image of an index is wanted. A variant is not asked for: no two of one architecture are ever built. */
export interface WantedPlatform {
  readonly os: 'linux'
  readonly architecture: string
}

/** Indexes, manifests and configs are read whole; registries refuse manifests beyond this as well (OCI distribution-spec, "Pushing Manifests"). */
const JSON_LIMIT = 4 << 20
const INDEX_OR_MANIFEST: ReadonlySet<string> = new Set([
  MEDIA_TYPE.index,
  MEDIA_TYPE.manifest,
  MEDIA_TYPE.dockerIndex,
  MEDIA_TYPE.dockerManifest,
])
const EMPTY_INDEX: Index = { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests: [] }

/** Opens the cache in `directory`, which becomes an empty OCI image layout when there is none. */
export async function openCache(directory: string): Promise<ImageCache> {
  const blobs = join(directory, 'blobs', 'sha256')
  const cache = new ImageCache(directory, new BlobStore(blobs))
  if (!(await exists(blobs))) await mkdir(blobs, { recursive: true })
  const layout = join(directory, 'oci-layout')
  if (!(await exists(layout))) await writeAtomic(layout, '{\n    "imageLayoutVersion": "1.0.0"\n}')
  if (!(await exists(join(directory, 'index.json')))) await cache.removeNames([])
  return cache
}

/**
 * Images on disk as an OCI image layout (image-layout.md), the same that LinuxKit keeps: index.json files them under their full names.
 * Several processes may use one cache at once.
 */
export class ImageCache {
  readonly directory: string
  readonly blobs: BlobStore
  /** index.json as it was read last, and what tells whether it has been replaced since. */
  #root: { readonly version: string; readonly index: Index } | undefined

  constructor(directory: string, blobs: BlobStore) {
    this.directory = directory
    this.blobs = blobs
  }

  /** See {@link BlobStore.write}. */
  writeBlob(source: AsyncIterable<Uint8Array>, expected?: BlobId): Promise<BlobId> {
    return this.blobs.write(source, expected)
  }

  /** See {@link BlobStore.has}. */
  hasBlob(blob: BlobId): Promise<boolean> {
    return this.blobs.has(blob)
  }

  /** See {@link BlobStore.content}. */
  blob(blob: BlobId): Content {
    return this.blobs.content(blob)
  }

  /** Stores a value as compact JSON. */
  async writeJson(value: unknown, mediaType: string): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(value), 'utf8')
    const blob = { digest: digestOf(bytes), size: bytes.length }
    await this.blobs.write(once(bytes), blob)
    return { mediaType, ...blob }
  }

  /** A small JSON blob, verified. @param limit size in bytes beyond which it is refused */
  async readJson(blob: BlobId, limit = JSON_LIMIT): Promise<JsonNode> {
    return JsonNode.parse(await this.blobs.text(blob, limit), blob.digest)
  }

  async readIndexOrManifest(blob: BlobId): Promise<Index | Manifest> {
    return readIndexOrManifest(await this.readJson(blob))
  }

  async readConfig(manifest: Manifest): Promise<ImageConfig> {
    return readImageConfig(await this.readJson(manifest.config))
  }

  /** What is filed under which name, in the order of index.json. */
  async names(): Promise<readonly NamedImage[]> {
    return namesOf(await this.#readRoot())
  }

  async setName(name: string, descriptor: Descriptor): Promise<void> {
    await this.updateName(name, async () => descriptor)
  }

  /**
   * Files under `name` what `update` makes of what is there now. No other process changes a name meanwhile, so `update` should be short.
   * @returns what is filed now
   */
  updateName(name: string, update: (current: Descriptor | undefined) => Promise<Descriptor>): Promise<Descriptor> {
    return this.updateNames(async (names) => {
      const descriptor = await update(names.find((named) => named.name === name)?.descriptor)
      return { names: [...names.filter((named) => named.name !== name), { name, descriptor }], result: descriptor }
    })
  }

  /** Forgets names; their blobs stay until the garbage is collected. @returns the names that were not there */
  removeNames(unwanted: readonly string[]): Promise<readonly string[]> {
    return this.updateNames(async (names) => ({
      names: names.filter(({ name }) => !unwanted.includes(name)),
      result: unwanted.filter((name) => !names.some((named) => named.name === name)),
    }))
  }

  /** Rewrites the list of names under the lock of the cache. Entries of index.json that have no name are left alone. */
  updateNames<T>(
    update: (names: readonly NamedImage[]) => Promise<{ readonly names: readonly NamedImage[]; readonly result: T }>,
  ): Promise<T> {
    return withLock(this.directory, async (assertHeld) => {
      const root = await this.#readRoot()
      const { names, result } = await update(namesOf(root))
      const named = names.map(({ name, descriptor }) => ({ ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: name } }))
      const nameless = root.manifests.filter((descriptor) => descriptor.annotations?.[REF_NAME] === undefined)
      const text = JSON.stringify({ ...root, manifests: [...nameless, ...named] }, undefined, 3)
      assertHeld()
      await writeAtomic(this.#rootPath, text)
      return result
    })
  }

  /**
   * The image of a reference for a platform, when all of its blobs are here. A reference with a digest means what has that digest, whatever its name.
   * An image that is not in an index is taken whatever its architecture, as LinuxKit does: an index is what tells platforms apart.
   * @throws {LinuxkitError} `image/no-platform` when the index has no image for it
   */
  async find(reference: Reference, platform: WantedPlatform): Promise<CachedImage | undefined> {
    const root = await this.resolve(reference)
    if (root === undefined || !(await this.hasBlob(root))) return undefined
    const document = await this.readIndexOrManifest(root)
    const chosen = isIndex(document) ? choose(document, reference, platform) : root
    if (!(await this.hasBlob(chosen))) return undefined
    const manifest = isIndex(document) ? await this.readIndexOrManifest(chosen) : document
    if (isIndex(manifest)) {
      throw new LinuxkitError('image/nested-index', `${reference.text} has another index, ${chosen.digest}, where an image is expected`)
    }
    for (const blob of [manifest.config, ...manifest.layers]) if (!(await this.hasBlob(blob))) return undefined
    return new CachedImage({
      cache: this,
      reference,
      root,
      index: isIndex(document) ? document : undefined,
      descriptor: chosen,
      manifest,
      config: await this.readConfig(manifest),
    })
  }

  /**
   * What is filed under a reference: its digest decides when it has one. An untagged name that is not filed as it stands means tag `latest`,
   * which is how a pulled image is filed.
   */
  async resolve(reference: Reference): Promise<Descriptor | undefined> {
    const names = await this.names()
    if (reference.digest !== undefined) return names.find(({ descriptor }) => descriptor.digest === reference.digest)?.descriptor
    const filed = (name: string): Descriptor | undefined => names.find((named) => named.name === name)?.descriptor
    return filed(reference.text) ?? (reference.tag === undefined ? filed(`${reference.text}:latest`) : undefined)
  }

  /** All blobs that a descriptor leads to, itself included, as far as the indexes and manifests on the way are here. */
  async reachable(root: Descriptor, found: Map<Digest, BlobId> = new Map()): Promise<ReadonlyMap<Digest, BlobId>> {
    if (found.has(root.digest)) return found
    found.set(root.digest, root)
    if (!INDEX_OR_MANIFEST.has(root.mediaType) || !(await this.hasBlob(root))) return found
    const document = await this.readIndexOrManifest(root)
    if (isIndex(document)) for (const descriptor of document.manifests) await this.reachable(descriptor, found)
    else for (const blob of [document.config, ...document.layers]) found.set(blob.digest, blob)
    return found
  }

  /** Every entry of index.json, those without a name too. */
  async roots(): Promise<readonly Descriptor[]> {
    return (await this.#readRoot()).manifests
  }

  get #rootPath(): string {
    return join(this.directory, 'index.json')
  }

  async #readRoot(): Promise<Index> {
    const status = await stat(this.#rootPath, { bigint: true }).catch((error: unknown) => {
      if (isSystemError(error, 'ENOENT')) return undefined
      throw error
    })
    if (status === undefined) return EMPTY_INDEX
    // It is never written to but replaced, so another one has another inode, and what is read after the look is at least as new.
    const version = `${status.ino} ${status.mtimeNs} ${status.size}`
    if (this.#root?.version !== version) {
      this.#root = { version, index: readIndex(JsonNode.parse(await readFile(this.#rootPath, 'utf8'), this.#rootPath)) }
    }
    return this.#root.index
  }
}

function namesOf(root: Index): readonly NamedImage[] {
  return root.manifests.flatMap((descriptor) => {
    const name = descriptor.annotations?.[REF_NAME]
    return name === undefined ? [] : [{ name, descriptor }]
  })
}

/** The image of an index for a platform. @throws {LinuxkitError} `image/no-platform` */
export function choose(index: Index, reference: Reference, { os, architecture }: WantedPlatform): Descriptor {
  const chosen = index.manifests.find(({ platform }) => platform?.os === os && platform.architecture === architecture)
  if (chosen !== undefined) return chosen
  const present = index.manifests.filter(({ platform }) => platform?.os !== 'unknown').map(({ platform }) => platformText(platform))
  throw new LinuxkitError('image/no-platform', `${reference.text} has no image for ${os}/${architecture}`, {
    hint: present.length === 0 ? 'it has no image at all' : `it has images for ${present.join(', ')}`,
  })
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
