import type { Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import type { ImageCache } from './cache.js'
import { isIndex, platformText, type Descriptor } from './oci.js'

export interface ImageSummary {
  readonly name: string
  readonly digest: Digest
  /** Such as `linux/amd64`. */
  readonly platforms: readonly string[]
  /** Bytes of its blobs that are here; blobs that other images share are counted for each. */
  readonly size: number
  /** Whether all of the platforms that are here can be used. */
  readonly complete: boolean
}

/** What is in the cache, by name. */
export async function listImages(cache: ImageCache): Promise<readonly ImageSummary[]> {
  const summaries: ImageSummary[] = []
  for (const { name, descriptor } of await cache.names()) {
    const { present, missing } = await cache.inventory(descriptor)
    summaries.push({
      name,
      digest: descriptor.digest,
      platforms: await platforms(cache, descriptor),
      size: [...present.values()].reduce((sum, { size }) => sum + size, 0),
      complete: missing.size === 0,
    })
  }
  return summaries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Those of which the manifest is here. One that cannot be read has none. */
async function platforms(cache: ImageCache, root: Descriptor): Promise<readonly string[]> {
  try {
    const document = await cache.readIndexOrManifest(root)
    if (!isIndex(document)) return [platformText(await cache.readConfig(document))]
    const here: string[] = []
    for (const child of document.manifests) {
      if (child.platform?.os !== 'unknown' && (await cache.hasBlob(child))) here.push(platformText(child.platform))
    }
    return here
  } catch (error) {
    if (error instanceof LinuxkitError) return []
    throw error
  }
}
