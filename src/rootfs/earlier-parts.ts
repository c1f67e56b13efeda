import type { Arch } from '../base/arch.js'
import { LinuxkitError } from '../base/errors.js'
import type { Progress } from '../base/progress.js'
import { metadataFile, parseMetadata } from '../config/earlier.js'
import { fileSpec } from '../config/files.js'
import type { Config } from '../config/schema.js'
import type { ImageCache } from '../image/cache.js'
import type { CachedImage } from '../image/cached-image.js'
import { parseReference } from '../image/reference.js'
import { readEarlierTar, type EarlierPart, type EarlierParts, type EarlierTar } from './earlier-tar.js'
import { imageNames } from './plan.js'
import type { SbomOptions } from './sbom.js'
import { unchangedLines } from './reuse.js'

export interface EarlierOptions {
  readonly cache: ImageCache
  readonly arch: Arch
  readonly decompressKernel?: boolean | undefined
  readonly sbom: SbomOptions | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * The parts that can be taken from the tar of an earlier build. Undefined for a configuration that does not leave itself in the image:
 * then nobody can say what the tar was made of.
 */
export async function earlierParts(config: Config, inputTar: string, options: EarlierOptions): Promise<EarlierParts | undefined> {
  const { cache, progress, signal } = options
  const file = metadataFile(config)
  if (file === undefined) {
    progress({
      type: 'warning',
      message: '--input-tar is of no use: a line "metadata: yaml" under "files" would have to say what the tar was made of',
    })
    return undefined
  }
  const { path } = fileSpec(file)
  const tar = await readEarlierTar(inputTar, path, signal)
  const before = earlierConfig(tar, path, inputTar, progress)
  if (before === undefined) return undefined
  const unchanged = unchangedLines(before, config)
  const part = (location: string): EarlierPart | undefined =>
    unchanged.has(location) && !(location === 'kernel' && options.decompressKernel === true) ? tar.part(location) : undefined

  const images = new Map<string, CachedImage>()
  for (const [location, name] of imageNames(config)) {
    if (part(partLocation(location)) === undefined) continue
    const image = await cache.find(parseReference(name), { os: 'linux', architecture: options.arch })
    if (image !== undefined) images.set(location, image)
    else if (options.sbom !== undefined) {
      progress({ type: 'warning', message: `${name} is not in the cache, so the SBOM does not say what it is made of` })
    }
  }
  return { part, imageOf: (location) => images.get(location) }
}

/** The configuration that the tar was made of. One that cannot be read is no reason to fail: everything is built anew. */
function earlierConfig({ metadata }: EarlierTar, path: string, inputTar: string, progress: Progress): Config | undefined {
  try {
    if (metadata !== undefined) return parseMetadata(metadata, `${path} of ${inputTar}`)
    progress({ type: 'warning', message: `${inputTar} has no ${path} that says what it was made of; everything is built anew` })
  } catch (error) {
    if (!(error instanceof LinuxkitError)) throw error
    progress({ type: 'warning', message: `${error.message}; everything is built anew` })
  }
  return undefined
}

/** The location of the part that a line makes: that of `volumes[1]` is `volume[1]`. */
export function partLocation(location: string): string {
  return location.replace(/^volumes(?=\[)/, 'volume')
}
