import { hostArch } from '../../base/arch.js'
import type { Progress } from '../../base/progress.js'
import { openCache } from '../cache.js'
import { parsePlatform } from '../platform.js'
import { parseReference } from '../reference.js'
import { connect, type RegistryAccess } from './connect.js'
import { pullImage } from './pull.js'

export interface PullImagesOptions extends RegistryAccess {
  readonly cacheDirectory: string
  /** Such as `linux/arm64`; the host's by default. */
  readonly platform: string | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * Fetches images one after another. The image of the platform gets a name of its own as well (`redis:7-arm64`), as LinuxKit gives it.
 * @throws {LinuxkitError} as `pullImage` does; what was fetched before stays
 */
export async function pullImages(names: readonly string[], options: PullImagesOptions): Promise<void> {
  const { progress, signal } = options
  const references = names.map(parseReference)
  const platform = parsePlatform(options.platform ?? `linux/${hostArch()}`)
  const client = connect(options, progress, signal)
  const cache = await openCache(options.cacheDirectory)
  for (const reference of references) {
    const { image, fromIndex } = await pullImage(reference, { cache, client, platform, progress })
    // A digest is of one platform or of all already.
    if (fromIndex && reference.digest === undefined) await cache.setName(`${reference.text}-${platform.architecture}`, image)
  }
}
