import type { ImageCache } from '../cache.js'
import type { BlobId } from '../oci.js'
import { parseReference, type Reference } from '../reference.js'
import type { RegistryClient } from './client.js'

/**
 * Repositories that blobs can be mounted from: the cache remembers under which names of the same registry it has them.
 * @returns by digest
 */
export async function findSources(
  cache: ImageCache,
  client: RegistryClient,
  target: Reference,
  blobs: readonly BlobId[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Set<string>(blobs.map(({ digest }) => digest))
  const sources = new Map<string, string>()
  const own = client.sharedRepository(target, target)
  for (const { name, descriptor } of await cache.names()) {
    if (sources.size === wanted.size) break
    const source = repositoryOf(name, client, target)
    if (source === undefined || source === own) continue
    for (const digest of (await cache.inventory(descriptor)).present.keys())
      if (wanted.has(digest) && !sources.has(digest)) sources.set(digest, source)
  }
  return sources
}

/** Names that other programs have filed need not be image names. */
function repositoryOf(name: string, client: RegistryClient, target: Reference): string | undefined {
  try {
    return client.sharedRepository(parseReference(name), target)
  } catch {
    return undefined
  }
}
