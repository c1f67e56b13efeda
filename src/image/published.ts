import { digestOf } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import type { Progress } from '../base/progress.js'
import type { NamedImage } from './cache.js'
import { parseReference, type Reference } from './reference.js'
import type { RegistryClient } from './registry/client.js'

/**
 * Those of the images that their registries have under the same names with the same digests, so that removing them loses nothing.
 * What stays in the cache, and why, is told as progress.
 * @throws {LinuxkitError} when a registry cannot be asked
 */
export async function publishedImages(
  images: readonly NamedImage[],
  client: RegistryClient,
  progress: Progress,
): Promise<readonly NamedImage[]> {
  const published: NamedImage[] = []
  for (const image of images) {
    const reason = await difference(image, client)
    if (reason === undefined) published.push(image)
    else progress({ type: 'info', message: `image ${image.name} ${reason}, leaving in cache` })
  }
  return published
}

async function difference({ name, descriptor }: NamedImage, client: RegistryClient): Promise<string | undefined> {
  let reference: Reference
  try {
    reference = parseReference(name)
  } catch (error) {
    if (error instanceof LinuxkitError) return 'has a name that no registry can have'
    throw error
  }
  try {
    const remote = digestOf((await client.manifest(reference)).bytes)
    return remote === descriptor.digest ? undefined : `has mismatched hashes, cache ${descriptor.digest} vs remote registry ${remote}`
  } catch (error) {
    if (error instanceof LinuxkitError && ['registry/not-found', 'registry/denied'].includes(error.code))
      return 'not found in remote registry'
    throw error
  }
}
