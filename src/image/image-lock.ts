import { readFile } from 'node:fs/promises'
import { isDigest, type Digest } from '../base/digest.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { writeAtomic } from '../base/files.js'
import type { ImageCache } from './cache.js'
import { JsonNode } from './json-node.js'
import { isIndex, platformText, type Descriptor, type ImageConfig, type Manifest } from './oci.js'
import { withDefaultTag, type Reference } from './reference.js'

/** What a lock file fixes an image name to. */
export interface LockedImage {
  /** Of the index, or of the manifest where there is none: by it the image is looked up and pulled. */
  readonly digest: Digest
  /** By the platform, such as `linux/arm64`. */
  readonly platforms: Readonly<Record<string, LockedPlatform>>
}

/** The image of one platform. What is not known was not fetched when the lock was written. */
export interface LockedPlatform {
  /** Of the manifest. */
  readonly digest: Digest
  /** Bytes of config and layers, as they are fetched. */
  readonly size?: number | undefined
  /** When the image was made, as its config says. */
  readonly created?: string | undefined
}

/** By names with tag. */
export type ImageLock = ReadonlyMap<string, LockedImage>

const VERSION = 1

/** The name under which a reference stands in a lock: `redis` and `redis:latest` are the same. */
export function lockKey(reference: Reference): string {
  return withDefaultTag(reference).text
}

/** @returns undefined when there is no such file @throws {LinuxkitError} `lock/unreadable` */
export async function readImageLock(path: string): Promise<ImageLock | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error
  })
  if (text === undefined) return undefined
  try {
    const root = JsonNode.parse(text, path)
    if (root.get('version').raw !== VERSION) return root.get('version').fail(`${VERSION}, the only one that is known`)
    return new Map(Object.entries(root.get('images').record(readLockedImage)))
  } catch (error) {
    if (!(error instanceof LinuxkitError)) throw error
    throw new LinuxkitError('lock/unreadable', `the lock file cannot be used: ${error.message}`, {
      where: { file: path },
      hint: 'take it back from version control, or remove it and lock anew with "linuxkit build --lock"',
      cause: error,
    })
  }
}

function readLockedImage(node: JsonNode): LockedImage {
  return {
    digest: readDigest(node.get('digest')),
    platforms: node.get('platforms').record((platform) => ({
      digest: readDigest(platform.get('digest')),
      size: platform.get('size').optional((size) => size.count()),
      created: platform.get('created').optional((created) => created.string()),
    })),
  }
}

function readDigest(node: JsonNode): Digest {
  const digest = node.string()
  return isDigest(digest) ? digest : node.fail('a sha256 digest')
}

/** In the order of the names, so that version control shows only what has moved. */
export async function writeImageLock(path: string, lock: ImageLock): Promise<void> {
  const sorted = [...lock].sort(([a], [b]) => (a < b ? -1 : 1))
  await writeAtomic(path, `${JSON.stringify({ version: VERSION, images: Object.fromEntries(sorted) }, undefined, 2)}\n`)
}

/**
 * What the cache has of images, as a lock. Names that `previous` has stay as they are there; those that are not wanted any more are left out.
 * @param wanted references whose images are in the cache; one that is not keeps its previous entry
 */
export async function lockCached(cache: ImageCache, wanted: Iterable<Reference>, previous: ImageLock | undefined): Promise<ImageLock> {
  const lock = new Map<string, LockedImage>()
  for (const reference of wanted) {
    const key = lockKey(reference)
    const before = previous?.get(key)
    const root = await cache.resolve(reference, before?.digest ?? reference.digest)
    const entry = root === undefined ? before : await lockedImage(cache, root)
    if (entry !== undefined) lock.set(key, entry)
  }
  return lock
}

async function lockedImage(cache: ImageCache, root: Descriptor): Promise<LockedImage> {
  const document = await cache.readIndexOrManifest(root)
  if (!isIndex(document)) {
    const config = await cache.readConfig(document)
    return { digest: root.digest, platforms: { [platformText(config)]: lockedPlatform(root.digest, document, config) } }
  }
  const platforms: Record<string, LockedPlatform> = {}
  for (const child of document.manifests) {
    if (child.platform === undefined || child.platform.os === 'unknown') continue
    platforms[platformText(child.platform)] = await cachedPlatform(cache, child)
  }
  return { digest: root.digest, platforms }
}

/** Only the digest when the platform was not pulled. */
async function cachedPlatform(cache: ImageCache, child: Descriptor): Promise<LockedPlatform> {
  if (!(await cache.hasBlob(child))) return { digest: child.digest }
  const manifest = await cache.readIndexOrManifest(child)
  if (isIndex(manifest) || !(await cache.hasBlob(manifest.config))) return { digest: child.digest }
  return lockedPlatform(child.digest, manifest, await cache.readConfig(manifest))
}

/** What a lock says of an image whose manifest and config are known. */
export function lockedPlatform(digest: Digest, { config, layers }: Manifest, { created }: ImageConfig): LockedPlatform {
  return { digest, size: layers.reduce((sum, { size }) => sum + size, config.size), created }
}
