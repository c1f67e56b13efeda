import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { sweepTemporaries } from '../base/files.js'
import type { ImageCache } from './cache.js'
import type { BlobId } from './oci.js'
import { parseReference } from './reference.js'

export interface Collected {
  readonly removed: number
  /** Bytes of the blobs that were removed. */
  readonly bytes: number
  /** Blobs that nothing refers to, left alone because they are too new. */
  readonly kept: number
}

/** A pull or build puts blobs into the cache, or finds them there, and files the image at the end: it may take this long in between, in milliseconds. */
const GRACE = 3600 * 1000

/**
 * Removes blobs that no image in the cache refers to, and what killed writers left behind. Blobs that were written or asked for within `grace` milliseconds
 * stay, so that no pull or build that is running loses what it has just stored.
 */
export async function collectGarbage(cache: ImageCache, grace = GRACE): Promise<Collected> {
  const used = new Map<Digest, BlobId>()
  for (const root of await cache.roots()) await cache.reachable(root, used)
  const garbage = (await cache.blobs.list()).filter(({ digest }) => !used.has(digest))
  const newest = Date.now() - grace
  const old = garbage.filter(({ usedAt }) => usedAt <= newest)
  for (const { digest } of old) await cache.blobs.remove(digest)
  await cache.blobs.sweep(grace)
  await sweepTemporaries(cache.directory, grace)
  return { removed: old.length, bytes: old.reduce((sum, { size }) => sum + size, 0), kept: garbage.length - old.length }
}

/** What lies in the cache beside the images: downloads from Debian, encoded parts of images, what builds were made of, and the tags of packages. */
const BESIDE_IMAGES = ['debian', 'fragments', 'builds', 'package-tags.json']

/** Removes all that is in the cache. Files in its directory that are not the cache's stay. */
export async function emptyCache(cache: ImageCache): Promise<void> {
  await cache.updateNames(() => Promise.resolve({ names: [], result: undefined }))
  for (const { digest } of await cache.blobs.list()) await cache.blobs.remove(digest)
  await cache.blobs.sweep(0)
  await sweepTemporaries(cache.directory, 0)
  for (const name of BESIDE_IMAGES) await rm(join(cache.directory, name), { recursive: true, force: true })
}

/**
 * Removes images by their full names or as a yml names them, all or none, and then the garbage.
 * @returns the full names
 * @throws {LinuxkitError} `image/not-found` when one of them is not in the cache
 */
export async function removeImages(cache: ImageCache, images: readonly string[]): Promise<readonly string[]> {
  const removed = await cache.updateNames(async (filed) => {
    const isFiled = (name: string): boolean => filed.some((named) => named.name === name)
    const unwanted = images.map((image) => {
      // What is filed may have a name that no yml can have, for other programs write image layouts too.
      const name = isFiled(image) ? image : parseReference(image).text
      if (isFiled(name)) return name
      throw new LinuxkitError('image/not-found', `${name} is not in the image cache`, { hint: 'see "linuxkit cache ls"' })
    })
    return { names: filed.filter(({ name }) => !unwanted.includes(name)), result: unwanted }
  })
  await collectGarbage(cache)
  return removed
}
