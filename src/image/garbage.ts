import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LinuxkitError } from '../base/errors.js'
import { sweepTemporaries } from '../base/files.js'
import type { ImageCache } from './cache.js'
import { parseReference } from './reference.js'

export interface Collected {
  readonly removed: number
  /** Bytes of the blobs that were removed. */
  readonly bytes: number
  /** Blobs that nothing refers to, left alone because a process is putting images together. */
  readonly kept: number
}

/** Milliseconds; clocks may be a little behind. */
const NO_AGE = -1000

/**
 * Removes blobs that no image in the cache refers to, and what killed writers left behind. While a process puts images together nothing is removed,
 * for it may be about to file what nothing refers to yet; and while this is at work no process begins to, nor files anything.
 */
export function collectGarbage(cache: ImageCache): Promise<Collected> {
  return cache.exclusively(async () => {
    const { present } = await cache.inventory(...(await cache.roots()))
    const garbage = (await cache.blobs.list()).filter(({ digest }) => !present.has(digest))
    if (await cache.isHeld()) return { removed: 0, bytes: 0, kept: garbage.length }
    for (const { digest } of garbage) await cache.blobs.remove(digest)
    await cache.blobs.sweep()
    await sweepTemporaries(cache.directory, NO_AGE)
    return { removed: garbage.length, bytes: garbage.reduce((sum, { size }) => sum + size, 0), kept: 0 }
  })
}

/** What lies in the cache beside the images: downloads from Debian, encoded parts of images, what builds were made of, and the tags of packages. */
const BESIDE_IMAGES = ['boot-loaders', 'debian', 'fragments', 'builds', 'package-tags.json']

/** Removes all that is in the cache. Files in its directory that are not the cache's stay. */
export async function emptyCache(cache: ImageCache): Promise<Collected> {
  await cache.removeAll()
  const collected = await collectGarbage(cache)
  for (const name of BESIDE_IMAGES) await rm(join(cache.directory, name), { recursive: true, force: true })
  return collected
}

/** @throws {LinuxkitError} `image/not-found` when one of the images, which are named as a yml names them or in full, is not in the cache */
export async function fullNames(cache: ImageCache, images: readonly string[]): Promise<readonly string[]> {
  const names = new Set((await cache.names()).map(({ name }) => name))
  return images.map((image) => {
    // What is filed may have a name that no yml can have, for other programs write image layouts too.
    const name = names.has(image) ? image : parseReference(image).text
    if (names.has(name)) return name
    throw new LinuxkitError('image/not-found', `${name} is not in the image cache`, { hint: 'see "linuxkit cache ls"' })
  })
}

/**
 * Removes images by their full names or as a yml names them, all or none, and then the garbage: no blob that another image uses.
 * @returns the full names
 * @throws {LinuxkitError} `image/not-found` when one of them is not in the cache
 */
export async function removeImages(
  cache: ImageCache,
  images: readonly string[],
): Promise<Collected & { readonly names: readonly string[] }> {
  const names = await fullNames(cache, images)
  await cache.removeNames(names)
  return { ...(await collectGarbage(cache)), names }
}
