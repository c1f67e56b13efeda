import type { Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { inParallel } from '../base/parallel.js'
import type { Progress } from '../base/progress.js'
import type { ImageCache, NamedImage } from './cache.js'
import { isIndex, isIndexOrManifest, type BlobId, type Descriptor } from './oci.js'
import { parseReference } from './reference.js'
import type { RegistryClient } from './registry/client.js'

/** An image with something missing or damaged; damaged blobs have been removed. */
export interface BrokenImage extends NamedImage {
  readonly blobs: readonly Defect[]
}

export interface Defect extends Descriptor {
  readonly problem: 'damaged' | 'missing'
}

export interface CacheReport {
  readonly blobs: number
  /** Bytes read. */
  readonly bytes: number
  /** Blobs whose bytes were not what their names say, used by an image or not. */
  readonly damaged: readonly Digest[]
  readonly broken: readonly BrokenImage[]
}

/** Files that are read side by side: hashing takes a processor, reading a disk. */
const READ_AT_ONCE = 2

/** Reads every blob of the cache and compares it with its digest; damaged ones are removed. Then looks at every name whether all of its image is here. */
export async function checkCache(cache: ImageCache, progress: Progress, signal: AbortSignal): Promise<CacheReport> {
  const blobs = await cache.blobs.list()
  const total = blobs.reduce((sum, { size }) => sum + size, 0)
  const id = 'check'
  progress({ type: 'start', id, title: `checking ${blobs.length} blobs`, total })
  let bytes = 0
  const damaged = new Set<Digest>()
  await inParallel(
    blobs,
    READ_AT_ONCE,
    async (blob) => {
      signal.throwIfAborted()
      if ((await verified(cache, blob)) === 'damaged') damaged.add(blob.digest)
      bytes += blob.size
      progress({ type: 'advance', id, done: bytes })
    },
    () => {},
  )
  progress({ type: 'finish', id })
  // An image that another process is about to remove has lost its name before it loses its blobs.
  const broken = await cache.exclusively(async () => {
    const images: BrokenImage[] = []
    for (const image of await cache.names()) {
      const found = await defects(cache, image.descriptor, damaged)
      if (found.length > 0) images.push({ ...image, blobs: found })
    }
    return images
  })
  return { blobs: blobs.length, bytes, damaged: [...damaged], broken }
}

async function verified(cache: ImageCache, blob: BlobId): Promise<'good' | 'damaged' | 'gone'> {
  try {
    return (await cache.blobs.verify(blob)) ? 'good' : 'damaged'
  } catch (error) {
    // Another process has removed the image meanwhile.
    if (error instanceof LinuxkitError && error.code === 'image/missing-blob') return 'gone'
    throw error
  }
}

async function defects(cache: ImageCache, root: Descriptor, damaged: ReadonlySet<Digest>): Promise<readonly Defect[]> {
  const { present, missing } = await cache.inventory(root)
  const found = new Map(missing)
  // What is not here of an index was not pulled, unless it has been here until now.
  if (damaged.size > 0 && present.has(root.digest) && isIndexOrManifest(root)) {
    const document = await cache.readIndexOrManifest(root)
    if (isIndex(document)) for (const child of document.manifests) if (damaged.has(child.digest)) found.set(child.digest, child)
  }
  return [...found.values()].map((blob) => ({ ...blob, problem: damaged.has(blob.digest) ? 'damaged' : 'missing' }))
}

/**
 * Fetches what is missing of an image from its registry, by digest, so that it becomes the image that it was.
 * @param damagedBlobs what was found damaged in the whole cache: an index that has come back shows which of them belong to the image
 * @throws {LinuxkitError} when the registry does not have it, or cannot be asked
 */
export async function repairImage(
  cache: ImageCache,
  image: BrokenImage,
  client: RegistryClient,
  damagedBlobs: readonly Digest[],
): Promise<void> {
  const reference = parseReference(image.name)
  await using _ = await cache.hold()
  const damaged = new Set(damagedBlobs)
  // A manifest that has come back may name blobs that are missing as well.
  for (let missing = image.blobs; missing.length > 0; missing = await defects(cache, image.descriptor, damaged)) {
    for (const blob of missing) {
      const source = isIndexOrManifest(blob) ? once((await client.manifest(reference, blob.digest)).bytes) : client.blob(reference, blob)
      await cache.writeBlob(source, blob)
      damaged.delete(blob.digest)
    }
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
