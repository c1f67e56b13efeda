import type { Progress } from '../../base/progress.js'
import type { ImageCache, WantedPlatform } from '../cache.js'
import type { CachedImage } from '../cached-image.js'
import { onlyImage, storeArchive } from '../import.js'
import { withDefaultTag, type Reference } from '../reference.js'
import type { EngineClient } from './client.js'

export interface EngineImageOptions {
  readonly cache: ImageCache
  readonly engine: EngineClient
  readonly platform: WantedPlatform
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * The image that a container engine has under a name, copied into the cache when it is not there yet. There it gets a name of its own
 * (`docker-daemon:…`), for a build without the engine is to use what the registry has.
 * @returns undefined when the engine does not have the image for the platform
 * @throws {LinuxkitError} `engine/unreachable`, `engine/status`, and what `storeArchive` throws
 */
export async function engineImage(reference: Reference, options: EngineImageOptions): Promise<CachedImage | undefined> {
  const { cache, engine, platform, progress, signal } = options
  const tagged = withDefaultTag(reference)
  const known = await engine.inspect(tagged.text)
  if (known === undefined || known.os !== platform.os || known.architecture !== platform.architecture) return undefined
  const name = `docker-daemon:${tagged.text}`
  for (const filed of [name, reference.text, tagged.text]) {
    const root = (await cache.names()).find((named) => named.name === filed)?.descriptor
    if (root === undefined) continue
    const image = await cache.imageOf(reference, root, platform).catch(() => undefined)
    const ids: readonly (string | undefined)[] = [image?.manifest.config.digest, image?.descriptor.digest, image?.root.digest]
    if (image !== undefined && ids.includes(known.id)) return image
  }
  const id = `engine ${name}`
  progress({ type: 'start', id, title: `${reference.text} from the container engine` })
  await using _ = await cache.hold()
  let done = 0
  async function* counted(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of source) {
      done += chunk.length
      progress({ type: 'advance', id, done })
      yield chunk
    }
  }
  const root = onlyImage(await storeArchive(cache, counted(engine.save(tagged.text)), signal), reference.text)
  await cache.setName(name, root, (await cache.inventory(root)).present.values())
  progress({ type: 'finish', id })
  return cache.imageOf(reference, root, platform)
}
