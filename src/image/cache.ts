import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Content } from '../base/content.js'
import { digestOf, type Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { exists, writeAtomic } from '../base/files.js'
import { BlobStore } from './blobs.js'
import { CachedImage } from './cached-image.js'
import { claim, claimantOf } from '../base/claim.js'
import { JsonNode } from './json-node.js'
import { withLock } from './lock.js'
import {
  isIndex,
  isIndexOrManifest,
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

/** Blobs by their digests. */
export interface Inventory {
  readonly present: ReadonlyMap<Digest, Descriptor>
  readonly missing: ReadonlyMap<Digest, Descriptor>
}

/** Which image of an index is wanted. A variant is not asked for: no two of one architecture are ever built. */
export interface WantedPlatform {
  readonly os: 'linux'
  readonly architecture: string
}

/** Indexes, manifests and configs are read whole; registries refuse manifests beyond this as well (OCI distribution-spec, "Pushing Manifests"). */
const JSON_LIMIT = 4 << 20
/** Of the files that processes have here while they put images together. */
const HOLD_PREFIX = '.hold-'
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
    return namesOf(this.#readRoot())
  }

  /**
   * Files an image under a name.
   * @param blobs what it consists of, as far as it is known to be here. That it still is, is looked at once more while no garbage can be collected.
   * @throws {LinuxkitError} `image/missing-blob` when one of them is gone: nothing is filed
   */
  async setName(name: string, descriptor: Descriptor, blobs: Iterable<BlobId> = [descriptor]): Promise<void> {
    await this.updateName(name, async () => {
      for (const blob of blobs) {
        if (await this.blobs.has(blob)) continue
        throw new LinuxkitError('image/missing-blob', `${blob.digest} of ${name} was removed from the image cache meanwhile`, {
          hint: 'another process has removed or emptied it; try again',
        })
      }
      return descriptor
    })
  }

  /**
   * Says that this process is putting images together, until disposal: meanwhile nobody collects garbage, so what is stored or was found stays
   * until it is filed. Does not outlive the process.
   */
  async hold(): Promise<AsyncDisposable> {
    const path = join(this.directory, `${HOLD_PREFIX}${randomBytes(8).toString('hex')}`)
    // Under the lock, so that none begins in the midst of a collection.
    const held = await withLock(this.directory, () => claim(path))
    return { [Symbol.asyncDispose]: async () => held?.release() }
  }

  /** Runs `action` while no process files a name or begins to put an image together. */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    return withLock(this.directory, action)
  }

  /** Whether a process is putting images together. */
  async isHeld(): Promise<boolean> {
    for (const name of await readdir(this.directory)) {
      if (!name.startsWith(HOLD_PREFIX)) continue
      const path = join(this.directory, name)
      const claimant = await claimantOf(path)
      if (claimant?.gone === false) return true
      await rm(path, { force: true })
    }
    return false
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

  /** Forgets every image, those without a name too. */
  async removeAll(): Promise<void> {
    await withLock(this.directory, async (assertHeld) => {
      await assertHeld()
      await writeAtomic(this.#rootPath, JSON.stringify(EMPTY_INDEX, undefined, 3))
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
      const root = this.#readRoot()
      const { names, result } = await update(namesOf(root))
      const named = names.map(({ name, descriptor }) => ({ ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: name } }))
      const nameless = root.manifests.filter((descriptor) => descriptor.annotations?.[REF_NAME] === undefined)
      const text = JSON.stringify({ ...root, manifests: [...nameless, ...named] }, undefined, 3)
      await assertHeld()
      await writeAtomic(this.#rootPath, text)
      return result
    })
  }

  /**
   * The image of a reference for a platform, when all of its blobs are here. A reference with a digest means what has that digest, whatever its name.
   * An image that is not in an index is taken whatever its architecture, as LinuxKit does: an index is what tells platforms apart.
   * @param digest what the reference is to mean now, whatever its tag
   * @throws {LinuxkitError} `image/no-platform` when the index has no image for it
   */
  async find(reference: Reference, platform: WantedPlatform, digest = reference.digest): Promise<CachedImage | undefined> {
    const root = await this.resolve(reference, digest)
    if (root === undefined) return undefined
    return this.imageOf(reference, root, platform)
  }

  /** As {@link find}, of what a name stands for. */
  async imageOf(reference: Reference, root: Descriptor, platform: WantedPlatform): Promise<CachedImage | undefined> {
    if (!(await this.hasBlob(root))) return undefined
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
  async resolve(reference: Reference, digest = reference.digest): Promise<Descriptor | undefined> {
    const names = await this.names()
    if (digest !== undefined) return names.find(({ descriptor }) => descriptor.digest === digest)?.descriptor
    const filed = (name: string): Descriptor | undefined => names.find((named) => named.name === name)?.descriptor
    return filed(reference.text) ?? (reference.tag === undefined ? filed(`${reference.text}:latest`) : undefined)
  }

  /** What descriptors lead to, themselves included. Images of an index that are not here are not missing, as long as one is: only the wanted platforms are pulled. */
  async inventory(...roots: readonly Descriptor[]): Promise<Inventory> {
    const present = new Map<Digest, Descriptor>()
    const missing = new Map<Digest, Descriptor>()
    const visit = async (descriptor: Descriptor): Promise<boolean> => {
      if (present.has(descriptor.digest)) return true
      if (!(await this.blobs.has(descriptor))) return false
      present.set(descriptor.digest, descriptor)
      const document = isIndexOrManifest(descriptor) ? await this.readIndexOrManifest(descriptor).catch(unreadable) : undefined
      if (document === undefined) return true
      if (!isIndex(document)) {
        for (const blob of [document.config, ...document.layers]) if (!(await visit(blob))) missing.set(blob.digest, blob)
        return true
      }
      let images = 0
      for (const child of document.manifests) if (await visit(child)) images += 1
      if (images === 0) for (const child of document.manifests) missing.set(child.digest, child)
      return true
    }
    for (const root of roots) if (!(await visit(root))) missing.set(root.digest, root)
    return { present, missing }
  }

  /** Every entry of index.json, those without a name too. */
  async roots(): Promise<readonly Descriptor[]> {
    return this.#readRoot().manifests
  }

  get #rootPath(): string {
    return join(this.directory, 'index.json')
  }

  /** At once, because all images of a build are looked for at the same time, and one look serves them all. */
  #readRoot(): Index {
    const status = statSync(this.#rootPath, { bigint: true, throwIfNoEntry: false })
    if (status === undefined) return EMPTY_INDEX
    // It is never written to but replaced, so another one has another inode, and what is read after the look is at least as new.
    const version = `${status.ino} ${status.mtimeNs} ${status.size}`
    if (this.#root?.version !== version) {
      this.#root = { version, index: readIndex(JsonNode.parse(readFileSync(this.#rootPath, 'utf8'), this.#rootPath)) }
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

/** A damaged or senseless document leads nowhere. */
function unreadable(error: unknown): undefined {
  if (!(error instanceof LinuxkitError)) throw error
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
