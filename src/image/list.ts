import type { Digest } from '../base/digest.js'
import type { ImageCache } from './cache.js'
import { isIndex, platformText, type Descriptor } from './oci.js'

export interface ImageSummary {
  readonly name: string
  readonly digest: Digest
  /** Such as `linux/amd64`. */
  readonly platforms: readonly string[]
  /** Bytes of all its blobs; blobs that other images share are counted for each. */
  readonly size: number
}

/** What is in the cache, by name. */
export async function listImages(cache: ImageCache): Promise<readonly ImageSummary[]> {
  const summaries: ImageSummary[] = []
  for (const { name, descriptor } of await cache.names()) {
    const blobs = [...(await cache.reachable(descriptor)).values()]
    summaries.push({
      name,
      digest: descriptor.digest,
      platforms: await platforms(cache, descriptor),
      size: blobs.reduce((sum, { size }) => sum + size, 0),
    })
  }
  return summaries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function platforms(cache: ImageCache, root: Descriptor): Promise<readonly string[]> {
  if (!(await cache.hasBlob(root))) return []
  const document = await cache.readIndexOrManifest(root)
  if (isIndex(document))
    return document.manifests.filter(({ platform }) => platform?.os !== 'unknown').map(({ platform }) => platformText(platform))
  return (await cache.hasBlob(document.config)) ? [platformText(await cache.readConfig(document))] : []
}
