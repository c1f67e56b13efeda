import { digestOf } from '../../base/digest.js'
import { LinuxkitError } from '../../base/errors.js'
import { inParallel } from '../../base/parallel.js'
import type { Progress } from '../../base/progress.js'
import { SUBJECT_DIGEST } from '../attestation-annotations.js'
import type { ImageCache } from '../cache.js'
import { JsonNode } from '../json-node.js'
import { isIndex, platformText, readIndexOrManifest, type BlobId, type Descriptor, type Index } from '../oci.js'
import { withDefaultTag, type Reference } from '../reference.js'
import { readCachedParts, type CachedPart, type CachedParts } from './cached-parts.js'
import type { RegistryClient, RemoteManifest } from './client.js'
import { isImage, mergeManifests } from './merge-index.js'
import { findSources } from './sources.js'

/** Blobs that are sent side by side. */
const CONNECTIONS = 4

export interface PushOptions {
  readonly cache: ImageCache
  readonly client: RegistryClient
  /** Whether a tag that the registry has already may be given something else. */
  readonly override: boolean
  /** Whether images that the registry has under the tag for other platforms stay there. */
  readonly merge: boolean
  /** Whether the image of each platform gets a tag of its own as well: `v1-amd64`. */
  readonly archTags: boolean
  readonly progress: Progress
}

/**
 * Brings an image of the cache into a registry, with the images of all platforms that the cache has. The tag is set last, when all that it stands for is there.
 * A tag that exists is left alone unless it may be overridden, as LinuxKit does: the tags of packages name their contents.
 * @param local what the cache files the image under
 * @param remote where it goes
 * @throws {RegistryError}, and LinuxkitErrors of {@link readCachedParts}
 */
export async function pushImage(local: Reference, remote: Reference, options: PushOptions): Promise<void> {
  const { cache, client, override, progress } = options
  const target = withDefaultTag(remote)
  if (target.tag === undefined || target.digest !== undefined) {
    throw new LinuxkitError('image/bad-reference', `${remote.text} cannot be pushed to: it has a digest, which the image decides`, {
      hint: 'name it with a tag',
    })
  }
  const cached = await readCachedParts(cache, local)
  const id = `push ${target.text}`
  progress({ type: 'start', id, title: `${target.text} to ${client.hostOf(target)}` })
  const existing = await client.existing(target)
  const pusher = new Pusher(local, target, options, id)
  let note: string | undefined

  if (existing !== undefined && !override) {
    const same = digestOf(existing.bytes) === digestOf(cached.root.bytes)
    note = `already exists in the registry, skipping${same ? '' : ' (--override replaces it)'}`
  } else {
    const root = await pusher.rootToPush(cached, existing)
    if (existing !== undefined && digestOf(existing.bytes) === digestOf(root.bytes)) {
      note = 'already exists in the registry'
    } else {
      await pusher.sendParts(cached.parts)
      await client.putManifest(target, target.tag, root)
    }
  }
  if (options.archTags && isIndex(cached.root.document)) await pusher.setArchTags(cached.parts, target.tag)
  progress({ type: 'finish', id, note })
}

class Pusher {
  readonly #local: Reference
  readonly #target: Reference
  readonly #options: PushOptions
  readonly #id: string
  /** Digests of blobs and manifests that the repository has. */
  readonly #sent = new Set<string>()

  constructor(local: Reference, target: Reference, options: PushOptions, id: string) {
    this.#local = local
    this.#target = target
    this.#options = options
    this.#id = id
  }

  /** What the tag is to stand for: the very bytes of the cache where they say what the registry will have. */
  async rootToPush({ root, parts, missing }: CachedParts, existing: RemoteManifest | undefined): Promise<RemoteManifest> {
    const { document } = root
    if (!isIndex(document)) return root
    const ours = await this.#available(document, parts, missing)
    const theirs = existing === undefined || !this.#options.merge ? [] : this.#manifestsOf(existing)
    const manifests = mergeManifests(ours, theirs)
    if (manifests.length === document.manifests.length && manifests.every((one, index) => one === document.manifests[index])) return root
    const merged: Index = { schemaVersion: 2, mediaType: document.mediaType, manifests, annotations: document.annotations }
    return { bytes: Buffer.from(JSON.stringify(merged), 'utf8'), mediaType: document.mediaType }
  }

  /** Entries of the index that can be pushed, or are there. */
  async #available(index: Index, parts: readonly CachedPart[], missing: readonly Descriptor[]): Promise<readonly Descriptor[]> {
    const { client, progress } = this.#options
    const absent = new Set<string>()
    for (const { digest } of missing) if ((await client.existing(this.#target, digest)) === undefined) absent.add(digest)
    // What is said about an image that is not there is of no use.
    for (const { digest, annotations } of index.manifests) if (absent.has(annotations?.[SUBJECT_DIGEST] ?? '')) absent.add(digest)
    const left = index.manifests.filter((entry) => absent.has(entry.digest) && isImage(entry))
    if (left.length > 0) {
      const platforms = left.map(({ platform }) => platformText(platform)).join(', ')
      const pushed = parts.flatMap(({ descriptor }) => (isImage(descriptor) ? platformText(descriptor.platform) : [])).join(', ')
      progress({ type: 'warning', message: `the cache has ${this.#local.text} for ${pushed} only: ${platforms} will not be pushed` })
    }
    return index.manifests.filter(({ digest }) => !absent.has(digest))
  }

  /** A tag that was an image without an index becomes one that has what we have. */
  #manifestsOf({ bytes }: RemoteManifest): readonly Descriptor[] {
    const document = readIndexOrManifest(JsonNode.parse(bytes.toString('utf8'), `what the registry has as ${this.#target.text}`))
    return isIndex(document) ? document.manifests : []
  }

  /** Blobs first, then the manifests that name them: a registry takes nothing that names what it does not have. */
  async sendParts(parts: readonly CachedPart[]): Promise<void> {
    const { cache, client, progress } = this.#options
    const blobs = new Map<string, BlobId>()
    for (const part of parts) for (const blob of part.blobs) if (!this.#sent.has(blob.digest)) blobs.set(blob.digest, blob)
    const list = [...blobs.values()]
    const sources = await findSources(cache, client, this.#target, list)
    progress({
      type: 'start',
      id: this.#id,
      title: `${this.#target.text} to ${client.hostOf(this.#target)}`,
      total: list.reduce((sum, { size }) => sum + size, 0),
    })
    const done = new Map<string, number>()
    const advance = (digest: string, count: number): void => {
      done.set(digest, count)
      progress({ type: 'advance', id: this.#id, done: [...done.values()].reduce((sum, one) => sum + one, 0) })
    }
    let failed = false
    await inParallel(
      list,
      CONNECTIONS,
      async (blob) => {
        const options = {
          source: sources.get(blob.digest),
          progress: (count: number) => {
            // Not an error of the registry, so that it is not tried again.
            if (failed) throw new LinuxkitError('registry/stopped', 'another layer has failed')
            advance(blob.digest, count)
          },
        }
        await client.uploadBlob(this.#target, blob, cache.blob(blob), options)
        advance(blob.digest, blob.size)
        this.#sent.add(blob.digest)
      },
      () => {
        failed = true
      },
    )
    for (const { descriptor, manifest } of parts) {
      if (!this.#sent.has(descriptor.digest)) await client.putManifest(this.#target, descriptor.digest, manifest)
      this.#sent.add(descriptor.digest)
    }
  }

  /** A tag for the image of each platform, in the registry and in the cache. */
  async setArchTags(parts: readonly CachedPart[], tag: string): Promise<void> {
    const { cache, client, override, progress } = this.#options
    const tagged = new Set<string>()
    for (const part of parts) {
      const { platform } = part.descriptor
      if (platform === undefined || !isImage(part.descriptor) || tagged.has(platform.architecture)) continue
      tagged.add(platform.architecture)
      const name = `${this.#target.text}-${platform.architecture}`
      const archTag = `${tag}-${platform.architecture}`
      const existing = await client.existing(this.#target, archTag)
      const same = existing !== undefined && digestOf(existing.bytes) === part.descriptor.digest
      if (existing !== undefined && !same && !override) {
        progress({ type: 'info', message: `${name} already exists in the registry, skipping (--override replaces it)` })
        continue
      }
      if (!same) {
        await this.sendParts([part])
        await client.putManifest(this.#target, archTag, part.manifest)
      }
      await cache.setName(name, part.descriptor)
    }
  }
}
