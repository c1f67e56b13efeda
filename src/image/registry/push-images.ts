import { LinuxkitError } from '../../base/errors.js'
import type { Progress } from '../../base/progress.js'
import { openCache } from '../cache.js'
import { parseReference } from '../reference.js'
import { connect, type RegistryAccess } from './connect.js'
import { pushImage } from './push.js'

export interface PushImagesOptions extends RegistryAccess {
  readonly cacheDirectory: string
  /** What the only image is to be called in the registry; its own name by default. */
  readonly remoteName: string | undefined
  /** See `PushOptions`. */
  readonly override: boolean
  readonly merge: boolean
  readonly archTags: boolean
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * Brings images of the cache into their registries, one after another.
 * @throws {LinuxkitError} `cli/flags`; as `pushImage` does: what was pushed before stays
 */
export async function pushImages(names: readonly string[], options: PushImagesOptions): Promise<void> {
  const { cacheDirectory, remoteName, override, merge, archTags, progress, signal } = options
  if (remoteName !== undefined && names.length > 1) {
    throw new LinuxkitError('cli/flags', '--remote-name is one name, and several images are to be pushed', { hint: 'push them one by one' })
  }
  const client = connect(options, progress, signal)
  const pairs = names.map((name) => [parseReference(name), parseReference(remoteName ?? name)] as const)
  const cache = await openCache(cacheDirectory)
  for (const [local, remote] of pairs) await pushImage(local, remote, { cache, client, override, merge, archTags, progress })
}
