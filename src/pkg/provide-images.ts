import { parseArch, type Arch } from '../base/arch.js'
import type { Digest } from '../base/digest.js'
import { LinuxkitError, LinuxkitErrors, type Place } from '../base/errors.js'
import { inParallel } from '../base/parallel.js'
import type { Progress } from '../base/progress.js'
import type { ImageCache } from '../image/cache.js'
import type { CachedImage } from '../image/cached-image.js'
import type { EngineClient } from '../image/engine/client.js'
import { lockKey, type ImageLock } from '../image/image-lock.js'
import { imageLayout, type ImageLayout } from '../image/layout.js'
import { parsePlatform } from '../image/platform.js'
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
  /** Whether neither registries nor Debian mirrors may be asked: what is not in the cache is an error. */
  readonly offline: boolean
  /** Looked at before cache and registry, unless images are fetched anew. Images of a lock file are not looked for there. */
  readonly engine?: EngineClient | undefined
  /** Digests that images have to have, packages excepted: the tag of a package says what it is made from. */
  readonly lock?: ImageLock | undefined
  /** See `BuildOptions.mirror` of the builder. */
  readonly mirror?: string | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** An image for a platform, and the first line that names it. */
interface Wanted {
  readonly reference: Reference
  readonly location: string
  readonly architecture: string
}

/** An image that is laid out as it is: for the platforms given, or for those that the cache happens to have. */
export interface LayoutWish {
  readonly name: string
  readonly platforms: readonly string[]
}

/** One unpacks while the other waits for the network or the disk; more would only need more memory. */
const PACKAGES_AT_ONCE = 2

/**
 * The images that lines of a yml name, from the cache, after making the packages that are missing.
 * @param names image names by the lines that have them: `kernel`, `init[0]`
 * @param layouts of lines whose images {@link provideLayout} is going to be asked for
 * @throws {LinuxkitError} `image/not-found` with the place; LinuxkitErrors `image/offline` for all that is missing; what pulling and building throw
 */
export async function provideImages(
  names: ReadonlyMap<string, string>,
  layouts: ReadonlyMap<string, LayoutWish>,
  options: ProvideOptions,
): Promise<(location: string) => CachedImage> {
  const { arch } = options
  const wanted = new Map<string, Wanted>()
  for (const [location, name] of names) {
    const reference = parseReference(name)
    if (!wanted.has(reference.text)) wanted.set(reference.text, { reference, location, architecture: arch })
  }
  const found = new Map<string, CachedImage>()
  const missing: Wanted[] = []
  const fromEngine = engineOf(options)
  const fromEngineFirst: (readonly [Wanted, CachedImage | undefined])[] = []
  // One after another, for an engine that cannot be reached is not asked again.
  for (const one of wanted.values())
    fromEngineFirst.push([one, isAnew(one.reference, options) ? undefined : await fromEngine(one.reference)])
  const looked = await Promise.all(
    fromEngineFirst.map(async ([one, image]) => ({
      one,
      image: image ?? (isAnew(one.reference, options) ? undefined : await find(one, options)),
    })),
  )
  for (const { one, image } of looked) {
    if (image === undefined) missing.push(one)
    else found.set(one.reference.text, image)
  }
  for (const one of await missingOfLayouts(layouts, options)) {
    const known = missing.some(({ reference, architecture }) => reference.text === one.reference.text && architecture === one.architecture)
    if (!known) missing.push(one)
  }
  if (options.offline && missing.length > 0) throw missingOffline(missing, options)
  const packages = new Map<string, Arch[]>()
  for (const one of missing) {
    const directory = options.packages.get(one.reference.text)
    if (directory === undefined) await pull(one, options)
    else packages.set(directory, [...(packages.get(directory) ?? []), parseArch(one.architecture)])
  }
  if (packages.size > 0) await buildMissing(packages, options)

  const byLocation = new Map<string, CachedImage>()
  for (const [location, name] of names) {
    const reference = parseReference(name)
    const image = found.get(reference.text) ?? (await find({ reference, architecture: arch }, options))
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
  const layout = await imageLayout(options.cache, reference, platforms, pinned(reference, options))
  if (layout === undefined) throw notFound(location, reference, options)
  return layout
}

/** Whether an image is fetched be it in the cache or not. */
function isAnew(reference: Reference, { pull, packages }: ProvideOptions): boolean {
  return pull && !packages.has(reference.text)
}

/** What layouts lack in the cache. That an index does not have a platform at all is found when it is laid out. */
async function missingOfLayouts(layouts: ReadonlyMap<string, LayoutWish>, options: ProvideOptions): Promise<readonly Wanted[]> {
  const missing: Wanted[] = []
  for (const [location, { name, platforms }] of layouts) {
    const reference = parseReference(name)
    const anew = isAnew(reference, options)
    if (platforms.length === 0) {
      const root = anew ? undefined : await options.cache.resolve(reference, pinned(reference, options))
      if (root === undefined) missing.push({ reference, location, architecture: options.arch })
    }
    for (const platform of platforms) {
      const one = { reference, location, architecture: parsePlatform(platform).architecture }
      if (anew || (await find(one, options).catch(toleratingPlatform)) === undefined) missing.push(one)
    }
  }
  return missing
}

function toleratingPlatform(error: unknown): 'has none' {
  if (error instanceof LinuxkitError && error.code === 'image/no-platform') return 'has none'
  throw error
}

/** The image in the cache. A package that is there for other architectures only is missing; anybody else's image is what it is. */
async function find(
  { reference, architecture }: Pick<Wanted, 'reference' | 'architecture'>,
  options: ProvideOptions,
): Promise<CachedImage | undefined> {
  const { cache, packages } = options
  try {
    return await cache.find(reference, { os: 'linux', architecture }, pinned(reference, options))
  } catch (error) {
    if (error instanceof LinuxkitError && error.code === 'image/no-platform' && packages.has(reference.text)) return undefined
    throw error
  }
}

/** The digest that a reference stands for: its own, or that of the lock file. */
function pinned(reference: Reference, { lock, packages }: ProvideOptions): Digest | undefined {
  return reference.digest ?? (packages.has(reference.text) ? undefined : lock?.get(lockKey(reference))?.digest)
}

/** Asks the container engine, when there is one to ask. One that does not answer is a warning, and is not asked again. */
function engineOf(options: ProvideOptions): (reference: Reference) => Promise<CachedImage | undefined> {
  const { arch, cache, progress, pull: anew, signal } = options
  let engine = anew ? undefined : options.engine
  return async (reference) => {
    if (engine === undefined || pinned(reference, options) !== undefined) return undefined
    const { engineImage } = await import('../image/engine/engine-image.js')
    try {
      return await engineImage(reference, { cache, engine, platform: { os: 'linux', architecture: arch }, progress, signal })
    } catch (error) {
      if (!(error instanceof LinuxkitError) || error.code !== 'engine/unreachable') throw error
      engine = undefined
      progress({ type: 'warning', message: `${error.message}; images are taken from the cache and from registries` })
      return undefined
    }
  }
}

/** All that is missing, so that the user fetches it in one go. */
function missingOffline(missing: readonly Wanted[], options: ProvideOptions): LinuxkitError {
  const errors = missing.map(({ reference, location, architecture }) => {
    const directory = options.packages.get(reference.text)
    const digest = pinned(reference, options)
    const name = digest === undefined || reference.digest !== undefined ? reference.text : `${reference.text}@${digest}`
    return new LinuxkitError(
      'image/offline',
      `${location}: ${name} for linux/${architecture} is not in the cache, and --offline forbids to fetch it`,
      {
        where: options.placeOf(location),
        hint:
          directory === undefined
            ? `where there is a network: linuxkit cache pull --platform linux/${architecture} ${name}`
            : `where there is a network: linuxkit pkg build --platforms linux/${architecture} ${directory}`,
      },
    )
  })
  return new LinuxkitErrors('image/offline', `${errors.length} images are missing`, errors)
}

/** Fetches an image; what goes wrong is told with the line that names it. */
async function pull({ reference: named, location, architecture }: Wanted, options: ProvideOptions): Promise<void> {
  const { cache, registry, placeOf, progress } = options
  const { pullImage } = await import('../image/registry/pull.js')
  const digest = pinned(named, options)
  const reference = digest === undefined || digest === named.digest ? named : parseReference(`${named.text}@${digest}`)
  try {
    await pullImage(reference, { cache, client: registry, platform: { os: 'linux', architecture }, progress })
  } catch (error) {
    if (!(error instanceof LinuxkitError)) throw error
    const missing = error.code === 'registry/not-found' || error.code === 'registry/denied'
    throw new LinuxkitError(error.code, `${location}: cannot pull ${reference.text} for linux/${architecture}: ${error.message}`, {
      where: placeOf(location),
      hint:
        reference !== named && missing
          ? 'the lock file asks for this digest; "linuxkit lock update" takes what the registry has now'
          : missing
            ? `${error.hint}; an image of your own is named by "@pkg:DIRECTORY"`
            : error.hint,
      cause: error,
    })
  }
}

async function buildMissing(packages: ReadonlyMap<string, readonly Arch[]>, options: ProvideOptions): Promise<void> {
  // Loaded only when a package has to be made, for it brings the Debian client along.
  const { buildPackage, sharedArchives } = await import('./builder.js')
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const { cache, mirror, progress } = options
  const openArchive = sharedArchives()
  await inParallel(
    [...packages],
    PACKAGES_AT_ONCE,
    ([directory, platforms]) => buildPackage(directory, { platforms, cache, mirror, openArchive, progress, signal }),
    (error) => failure.abort(error),
  )
}

function notFound(location: string, reference: Reference, { arch, placeOf }: ProvideOptions): LinuxkitError {
  return new LinuxkitError('image/not-found', `${location}: the image ${reference.text} for linux/${arch} is not in the cache`, {
    where: placeOf(location),
    hint: 'fetch it with "linuxkit cache pull", or make it with "linuxkit pkg build"',
  })
}
