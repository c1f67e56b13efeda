import { readContent } from '../../base/content.js'
import { LinuxkitError } from '../../base/errors.js'
import type { ImageCache } from '../cache.js'
import { isIndex, platformText, type BlobId, type Descriptor, type Index, type Manifest } from '../oci.js'
import type { Reference } from '../reference.js'
import type { RemoteManifest } from './client.js'
import { isImage } from './merge-index.js'

/** A manifest of the cache with everything that it names. */
export interface CachedPart {
  readonly descriptor: Descriptor
  readonly manifest: RemoteManifest
  readonly blobs: readonly BlobId[]
}

/** What the cache has under a name, to be pushed. */
export interface CachedParts {
  readonly root: RemoteManifest & { readonly document: Index | Manifest }
  /** Those that are complete; of an image that is in no index, the only one. */
  readonly parts: readonly CachedPart[]
  /** Entries of the index that the cache does not have: only the platforms that were asked for are pulled. */
  readonly missing: readonly Descriptor[]
}

/**
 * Reads manifests, verified, and looks whether their blobs are there.
 * @throws {LinuxkitError} `image/not-found`; `image/missing-blob` when no image is complete; `image/nested-index`, `image/corrupt-blob`
 */
export async function readCachedParts(cache: ImageCache, reference: Reference): Promise<CachedParts> {
  const descriptor = await cache.resolve(reference)
  if (descriptor === undefined || !(await cache.hasBlob(descriptor))) {
    throw new LinuxkitError('image/not-found', `${reference.text} is not in the image cache`, {
      hint: 'see "linuxkit cache ls"; "linuxkit cache pull" and "linuxkit pkg build" put images there',
    })
  }
  const document = await cache.readIndexOrManifest(descriptor)
  const entries = isIndex(document) ? document.manifests : [descriptor]
  const found = await Promise.all(entries.map((entry) => readPart(cache, reference, entry)))
  const parts = found.filter((part) => part !== undefined)
  const missing = entries.filter((_, index) => found[index] === undefined)
  if (!parts.some((part) => !isIndex(document) || isImage(part.descriptor))) {
    throw new LinuxkitError('image/missing-blob', `the image cache lacks parts of ${reference.text}`, {
      hint: 'pull or build the image again',
    })
  }
  return { root: { bytes: await readContent(cache.blob(descriptor)), mediaType: document.mediaType, document }, parts, missing }
}

async function readPart(cache: ImageCache, reference: Reference, descriptor: Descriptor): Promise<CachedPart | undefined> {
  if (!(await cache.hasBlob(descriptor))) return undefined
  const manifest = await cache.readIndexOrManifest(descriptor)
  if (isIndex(manifest)) {
    throw new LinuxkitError(
      'image/nested-index',
      `${reference.text} has another index where an image for ${platformText(descriptor.platform)} is expected`,
    )
  }
  const blobs = [manifest.config, ...manifest.layers]
  for (const blob of blobs) if (!(await cache.hasBlob(blob))) return undefined
  return { descriptor, manifest: { bytes: await readContent(cache.blob(descriptor)), mediaType: manifest.mediaType }, blobs }
}
