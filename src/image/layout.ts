import { textContent } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { entry, type Entry, type Timestamp } from '../archive/entry.js'
import type { ImageCache } from './cache.js'
import { isIndex, MEDIA_TYPE, platformText, REF_NAME, type BlobId, type Descriptor, type Platform } from './oci.js'
import { parsePlatform } from './platform.js'
import type { Reference } from './reference.js'

const EPOCH: Timestamp = { seconds: 0, nanoseconds: 0 }

/** The file "oci-layout" of an archive or a volume, as LinuxKit writes it (OCI image-spec, image-layout.md "oci-layout file"). */
export const LAYOUT = '{\n\t\t"imageLayoutVersion": "1.0.0"\n\t}'

/** An image with all that belongs to it, to be laid out as an OCI image layout. */
export interface ImageLayout {
  readonly reference: Reference
  readonly root: Descriptor
  /** Objects of the layout, relative to its directory. */
  readonly entries: readonly Entry[]
}

/**
 * An image of the cache as the entries of an OCI image layout.
 * @param platforms such as `linux/arm64`: only their images are taken; without any, everything that is there, attestations too
 * @param digest what the reference is to mean now, whatever its tag
 * @throws {LinuxkitError} `image/not-an-index`, `image/no-platform`, `image/bad-platform`
 * @returns undefined when the cache does not have the image
 */
export async function imageLayout(
  cache: ImageCache,
  reference: Reference,
  platforms: readonly string[],
  digest = reference.digest,
): Promise<ImageLayout | undefined> {
  const root = await cache.resolve(reference, digest)
  if (root === undefined || !(await cache.hasBlob(root))) return undefined
  const index = await cache.readIndexOrManifest(root)
  if (!isIndex(index)) {
    throw new LinuxkitError('image/not-an-index', `${reference.text} is a single image, and a layout needs an index`, {
      hint: 'leave "format: oci" out, or import the image with its index',
    })
  }
  const chosen = platforms.length === 0 ? index.manifests : choose(index.manifests, platforms, reference)
  const blobs: BlobId[] = []
  for (const descriptor of chosen) {
    if (!(await cache.hasBlob(descriptor))) continue
    const manifest = await cache.readIndexOrManifest(descriptor)
    if (!isIndex(manifest)) blobs.push(manifest.config, ...manifest.layers)
    blobs.push(descriptor)
  }
  const distinct = new Map([...blobs, root].map((blob) => [blob.digest, blob]))
  const description = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: [{ mediaType: MEDIA_TYPE.index, size: root.size, digest: root.digest, annotations: { [REF_NAME]: reference.text } }],
  }
  return {
    reference,
    root,
    entries: [
      entry({ path: 'oci-layout', type: 'file', mtime: EPOCH, content: textContent(LAYOUT) }),
      ...['blobs/', 'blobs/sha256/'].map((path) => entry({ path, type: 'directory', mtime: EPOCH })),
      ...[...distinct.values()].map((blob) =>
        entry({ path: `blobs/${blob.digest.replace(':', '/')}`, type: 'file', mtime: EPOCH, content: cache.blob(blob) }),
      ),
      entry({ path: 'index.json', type: 'file', mtime: EPOCH, content: textContent(JSON.stringify(description, undefined, 3)) }),
    ],
  }
}

/** The manifests of all these platforms. @throws {LinuxkitError} `image/no-platform` when there is none for one of them */
function choose(manifests: readonly Descriptor[], platforms: readonly string[], reference: Reference): readonly Descriptor[] {
  const chosen = new Set<Descriptor>()
  for (const text of platforms) {
    const wanted = { ...parsePlatform(text), variant: text.split('/')[2] }
    const found = manifests.filter(({ platform }) => platform !== undefined && isOf(platform, wanted))
    if (found.length === 0) {
      throw new LinuxkitError('image/no-platform', `${reference.text} has no image for ${text}`, {
        hint: `it has ${manifests.map(({ platform }) => platformText(platform)).join(', ')}`,
      })
    }
    for (const one of found) chosen.add(one)
  }
  return manifests.filter((one) => chosen.has(one))
}

/** A platform that is wanted without a variant is there in any. */
function isOf(platform: Platform, wanted: Platform): boolean {
  const { os, architecture, variant } = wanted
  return platform.os === os && platform.architecture === architecture && (variant === undefined || platform.variant === variant)
}
