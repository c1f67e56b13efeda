import type { Arch } from '../base/arch.js'
import { LinuxkitError, type Place } from '../base/errors.js'
import { inParallel } from '../base/parallel.js'
import type { Progress } from '../base/progress.js'
import type { ImageCache } from '../image/cache.js'
import type { CachedImage } from '../image/cached-image.js'
import { imageLayout, type ImageLayout } from '../image/layout.js'
import { parseReference, type Reference } from '../image/reference.js'
import type { RegistryClient } from '../image/registry/client.js'

export interface ProvideOptions {
  readonly cache: ImageCache
  readonly arch: Arch
  /** Directories of the user's own packages by the normalised names of their images; those that are missing are made. */
  readonly packages: ReadonlyMap<string, string>
  readonly placeOf: (location: string) => Place | undefined
  /** Asked for images that are neither in the cache nor packages. */
  readonly registry: RegistryClient
  /** Fetches every image that is not a package anew, be it in the cache or not. */
  readonly pull: boolean
  /** See `BuildOptions.mirror` of the builder. */
  readonly mirror?: string | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** One unpacks while the other waits for the network or the disk; more would only need more memory. */
const PACKAGES_AT_ONCE = 2

/**
 * The images that lines of a yml name, from the cache, after making the packages that are missing.
 * @param names image names by the lines that have them: `kernel`, `init[0]`
 * @throws {LinuxkitError} `image/not-found` with the place; what building packages throws
 */
export async function provideImages(
  names: ReadonlyMap<string, string>,
  options: ProvideOptions,
): Promise<(location: string) => CachedImage> {
  const wanted = new Map<string, { readonly reference: Reference; readonly location: string }>()
  for (const [location, name] of names) {
    const reference = parseReference(name)
    if (!wanted.has(reference.text)) wanted.set(reference.text, { reference, location })
  }
  const found = new Map<string, CachedImage>()
  const directories: string[] = []
  const looked = await Promise.all(
    [...wanted.values()].map(async ({ reference, location }) => {
      const directory = options.packages.get(reference.text)
      const image = options.pull && directory === undefined ? undefined : await find(reference, options)
      return { reference, location, directory, image }
    }),
  )
  for (const { reference, location, directory, image } of looked) {
    if (image !== undefined) found.set(reference.text, image)
    else if (directory !== undefined) directories.push(directory)
    else await pull(reference, location, options)
  }
  if (directories.length > 0) await buildMissing(directories, options)

  const byLocation = new Map<string, CachedImage>()
  for (const [location, name] of names) {
    const reference = parseReference(name)
    const image = found.get(reference.text) ?? (await find(reference, options))
    if (image === undefined) throw notFound(location, reference, options)
    found.set(reference.text, image)
    byLocation.set(location, image)
  }
  return (location) => {
    const image = byLocation.get(location)
    if (image === undefined) throw new Error(`no image was looked up for ${location}`)
    return image
  }
}

/**
 * The image of a line as an OCI image layout, for all platforms or some.
 * @throws {LinuxkitError} `image/not-found` with the place; what {@link imageLayout} throws
 */
export async function provideLayout(
  location: string,
  name: string,
  platforms: readonly string[],
  options: ProvideOptions,
): Promise<ImageLayout> {
  const reference = parseReference(name)
  const layout = await imageLayout(options.cache, reference, platforms)
  if (layout === undefined) throw notFound(location, reference, options)
  return layout
}

/** The image in the cache. A package that is there for other architectures only is missing; anybody else's image is what it is. */
async function find(reference: Reference, { cache, arch, packages }: ProvideOptions): Promise<CachedImage | undefined> {
  try {
    return await cache.find(reference, { os: 'linux', architecture: arch })
  } catch (error) {
    if (error instanceof LinuxkitError && error.code === 'image/no-platform' && packages.has(reference.text)) return undefined
    throw error
  }
}

/** Fetches an image; what goes wrong is told with the line that names it. */
async function pull(reference: Reference, location: string, { arch, cache, registry, placeOf, progress }: ProvideOptions): Promise<void> {
  const { pullImage } = await import('../image/registry/pull.js')
  try {
    await pullImage(reference, { cache, client: registry, platform: { os: 'linux', architecture: arch }, progress })
  } catch (error) {
    if (!(error instanceof LinuxkitError)) throw error
    const missing = error.code === 'registry/not-found' || error.code === 'registry/denied'
    throw new LinuxkitError(error.code, `${location}: cannot pull ${reference.text} for linux/${arch}: ${error.message}`, {
      where: placeOf(location),
      hint: missing ? `${error.hint}; an image of your own is named by "@pkg:DIRECTORY"` : error.hint,
      cause: error,
    })
  }
}

async function buildMissing(directories: readonly string[], options: ProvideOptions): Promise<void> {
  // Loaded only when a package has to be made, for it brings the Debian client along.
  const { buildPackage, sharedArchives } = await import('./builder.js')
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const { arch, cache, mirror, progress } = options
  const openArchive = sharedArchives()
  await inParallel(
    directories,
    PACKAGES_AT_ONCE,
    (directory) => buildPackage(directory, { platforms: [arch], cache, mirror, openArchive, progress, signal }),
    (error) => failure.abort(error),
  )
}

function notFound(location: string, reference: Reference, { arch, placeOf }: ProvideOptions): LinuxkitError {
  return new LinuxkitError('image/not-found', `${location}: the image ${reference.text} for linux/${arch} is not in the cache`, {
    where: placeOf(location),
    hint: 'fetch it with "linuxkit cache pull", or make it with "linuxkit pkg build"',
  })
}
