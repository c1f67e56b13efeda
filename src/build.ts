import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Arch } from './base/arch.js'
import { isSystemError, LinuxkitError } from './base/errors.js'
import { inParallel } from './base/parallel.js'
import type { Progress } from './base/progress.js'
import { loadConfig, type LoadedConfig } from './config/load.js'
import { dryRunYaml } from './config/metadata.js'
import type { Config } from './config/schema.js'
import { warningsOf } from './config/warnings.js'
import { openCache } from './image/cache.js'
import type { EngineClient } from './image/engine/client.js'
import { lockCached, readImageLock, writeImageLock } from './image/image-lock.js'
import { parseReference, type Reference } from './image/reference.js'
import { connect } from './image/registry/connect.js'
import { checkFormats, findFormat, makeFiles } from './output/formats.js'
import type { Format } from './output/format.js'
import { Materials, type PackedRoot } from './output/materials.js'
import { streamed, writeFiles } from './output/write.js'
import { provideBootLoader, type BootLoaderFiles, type BootLoaderName } from './pkg/boot-loader.js'
import { loadPackage, packageReference } from './pkg/package.js'
import { RememberedTags } from './pkg/remembered-tags.js'
import { tagSources } from './pkg/tag-sources.js'
import { WorkTrees } from './pkg/work-tree.js'
import { provideImages, provideLayout, type LayoutWish, type ProvideOptions } from './pkg/provide-images.js'
import type { PartReport } from './rootfs/assemble.js'
import { readRecord, recordPath, writeRecord } from './rootfs/build-record.js'
import { explain, type Explanation } from './rootfs/explain.js'
import type { Compression } from './rootfs/compression.js'
import { earlierParts, partLocation } from './rootfs/earlier-parts.js'
import { imageNames, planImage } from './rootfs/plan.js'
import type { SbomOptions } from './rootfs/sbom.js'

/** Where the outputs go: files that begin with a path, or a stream for a format that makes one file. */
export type Destination =
  | { readonly type: 'files'; readonly base: string }
  /** `path` is that of the file, when it is one. */
  | { readonly type: 'stream'; readonly path?: string | undefined; write(chunks: AsyncIterable<Uint8Array>): Promise<void> }

export interface BuildOptions {
  /** Files, `-` for standard input, URLs; later ones add to earlier ones. */
  readonly sources: readonly string[]
  readonly formats: readonly string[]
  readonly destination: Destination
  readonly arch: Arch
  readonly cacheDirectory: string
  /** Whether the kernel is unpacked, for boot loaders that cannot do it. */
  readonly decompressKernel?: boolean | undefined
  /** Of the initrd; by default what the kernel can take. */
  readonly compression?: Compression | undefined
  /** The file system that initrds hold the root in, to be mounted from there; by default an initrd is the root itself. */
  readonly packedRoot?: PackedRoot | undefined
  /** Of disks, in bytes; by default as large as they have to be. */
  readonly size?: number | undefined
  /** Undefined for an image without an SBOM. */
  readonly sbom: SbomOptions | undefined
  /** Where images are asked for in place of their registries: `URL` or `registry=URL`. */
  readonly mirrors?: readonly string[] | undefined
  /** Files with certificates of authorities that registries may be certified by. */
  readonly certificateFiles?: readonly string[] | undefined
  /** Credentials for registries: `registry=user:password` or `registry=token`. */
  readonly registryCreds?: readonly string[] | undefined
  /** Fetches every image that is not a package anew. */
  readonly pull?: boolean | undefined
  /** Whether the network is forbidden: images that are not in the cache are an error that names all of them. */
  readonly offline?: boolean | undefined
  /** Whether images are looked for in the local container engine first; see `engineEndpoint`. */
  readonly docker?: boolean | undefined
  /** Whether the digests of the images are written into the lock file beside the last source. One that is there is used in any case. */
  readonly lock?: boolean | undefined
  /** A tar of an earlier build, from which the lines that have not changed are taken. */
  readonly inputTar?: string | undefined
  /** Of the Debian packages that missing `@pkg:` packages are made from; by default the host's own. */
  readonly debianMirror?: string | undefined
  /** How many parts are encoded at once; by default as many as keep the processors busy. The bytes do not depend on it. */
  readonly jobs?: number | undefined
  /** Is told of every part what became of it, and why, once all is written. */
  readonly onExplanation?: ((parts: readonly Explanation[]) => void) | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** One reads while another writes; what they share is made once. */
const FORMATS_AT_ONCE = 3

/** Base name of the outputs when none is given: that of the last source without its extension, as LinuxKit has it. */
export function defaultName(sources: readonly string[]): string {
  const last = sources.at(-1) ?? '-'
  if (last === '-') return 'moby'
  const name = basename(last)
  const dot = name.lastIndexOf('.')
  return dot <= 0 ? name : name.slice(0, dot)
}

/**
 * Builds an image from configurations: loads them, makes the packages that are missing, plans, and writes each format.
 * @returns paths of the files written
 * @throws {LinuxkitError} for whatever is wrong with the input, before anything is written
 */
export async function build(options: BuildOptions): Promise<readonly string[]> {
  try {
    return await buildOnce(options)
  } catch (error) {
    // The damaged blob is gone, so another attempt fetches it; standard input cannot be read again.
    if (!(error instanceof LinuxkitError) || error.code !== 'image/corrupt-blob' || options.sources.includes('-')) throw error
    options.progress({ type: 'warning', message: `${error.message}; fetching it anew` })
    return buildOnce(options)
  }
}

async function buildOnce(options: BuildOptions): Promise<readonly string[]> {
  const { destination, progress, signal } = options
  const formats = [...new Set(options.formats)].map(findFormat)
  checkFormats(formats, options.arch)
  await checkDestination(destination, formats)
  await checkInput(options, formats)
  checkOffline(options)
  if (options.size !== undefined && !formats.some(({ hasSize }) => hasSize)) {
    progress({ type: 'warning', message: 'none of the formats is a disk, so --size changes nothing' })
  }
  const loaded = await load(options)
  const cache = await openCache(options.cacheDirectory)
  const lock = lockPath(options.sources)
  if (lock === undefined && options.lock === true) throw noLock()
  const provide: ProvideOptions = {
    cache,
    arch: options.arch,
    packages: loaded.packages,
    placeOf: loaded.placeOf,
    registry: connect(options, progress, signal),
    pull: options.pull ?? false,
    offline: options.offline ?? false,
    engine: options.docker === true ? await openEngine(options) : undefined,
    lock: lock === undefined ? undefined : await readImageLock(lock),
    mirror: options.debianMirror,
    progress,
    signal,
  }
  const earlier = options.inputTar === undefined ? undefined : await earlierParts(loaded.config, options.inputTar, { ...options, cache })
  const wanted = [...imageNames(loaded.config)].filter(([location]) => earlier?.part(partLocation(location)) === undefined)
  const layouts = [...layoutWishes(loaded.config)].filter(([location]) => earlier?.part(partLocation(location)) === undefined)
  const imageOf = await provideImages(new Map(wanted), new Map(layouts), provide)
  if (lock !== undefined && options.lock === true) {
    await writeImageLock(lock, await lockCached(cache, lockedReferences(loaded), provide.lock))
  }
  const bootLoaders = await bootLoadersOf(formats, options)
  const plan = await planImage(loaded.config, {
    imageOf,
    layoutOf: (location, name, platforms) => provideLayout(location, name, platforms, provide),
    placeOf: loaded.placeOf,
    decompressKernel: options.decompressKernel ?? false,
    sbom: options.sbom,
    earlier,
  })

  const written: string[] = []
  const reports: PartReport[] = []
  const failure = new AbortController()
  const failing = AbortSignal.any([signal, failure.signal])
  await using materials = new Materials(plan, {
    arch: options.arch,
    fragmentDirectory: join(options.cacheDirectory, 'fragments'),
    compression: options.compression,
    packedRoot: options.packedRoot,
    size: options.size,
    bootLoaders,
    jobs: options.jobs,
    onPart: (report) => reports.push(report),
    progress,
    signal: failing,
  })
  if (destination.type === 'files') {
    const paths = await inParallel(
      formats,
      FORMATS_AT_ONCE,
      async (format) => writeFiles(destination.base, await makeFiles(format, materials), failing),
      (error) => failure.abort(error),
    )
    written.push(...paths.flat())
  } else {
    for (const format of formats) for (const { content } of await makeFiles(format, materials)) await destination.write(streamed(content))
  }
  const record = recordPath(join(options.cacheDirectory, 'builds'), options.sources, options.arch)
  const order = new Map(plan.parts.map((part, index) => [part, index]))
  reports.sort((a, b) => (order.get(a.part) ?? 0) - (order.get(b.part) ?? 0))
  options.onExplanation?.(explain(reports, await readRecord(record)))
  await writeRecord(record, reports)
  return [...new Set(written)]
}

async function bootLoadersOf(formats: readonly Format[], options: BuildOptions): Promise<ReadonlyMap<BootLoaderName, BootLoaderFiles>> {
  const { arch, cacheDirectory, pull = false, offline = false, debianMirror: mirror, progress, signal } = options
  const names = new Set(formats.flatMap((format) => format.bootLoaders(arch)))
  const found = new Map<BootLoaderName, BootLoaderFiles>()
  for (const name of names) {
    found.set(name, await provideBootLoader(name, { arch, cacheDirectory, pull, offline, mirror, progress, signal }))
  }
  return found
}

/** The merged configuration as yml, with its packages' tags in place. Nothing is built. */
export async function dryRun(options: LoadSources): Promise<string> {
  return dryRunYaml((await load(options)).config)
}

/**
 * What a lock file of configurations has to hold, and where it is.
 * @throws {LinuxkitError} `lock/no-file` when the last source is not a file
 */
export async function lockedImages(options: LoadSources): Promise<{ readonly path: string; readonly references: readonly Reference[] }> {
  const path = lockPath(options.sources)
  if (path === undefined) throw noLock()
  return { path, references: lockedReferences(await load(options)) }
}

/** The lock file of the last source stands beside it; standard input and URLs have none. */
function lockPath(sources: readonly string[]): string | undefined {
  const last = sources.at(-1) ?? '-'
  return last === '-' || /^https?:/.test(last) ? undefined : join(dirname(last), `${defaultName(sources)}.lock`)
}

function noLock(): LinuxkitError {
  return new LinuxkitError('lock/no-file', 'the lock file stands beside the last yml, and that is not a file', {
    hint: 'name a file as the last yml',
  })
}

/** The volumes that hold an image as a layout, by their lines. */
function layoutWishes({ volumes }: Config): ReadonlyMap<string, LayoutWish> {
  const wishes = new Map<string, LayoutWish>()
  for (const [index, { image, format, platforms }] of volumes.entries()) {
    if (format === 'oci' && image !== undefined && image !== '')
      wishes.set(`volumes[${index}]`, { name: image, platforms: platforms ?? [] })
  }
  return wishes
}

/** Every image but the packages, whose tags say what they are made from. */
function lockedReferences({ config, packages }: LoadedConfig): readonly Reference[] {
  const layouts = [...layoutWishes(config).values()].map(({ name }) => name)
  return [...imageNames(config).values(), ...layouts].map(parseReference).filter(({ text }) => !packages.has(text))
}

async function openEngine({ offline, signal }: BuildOptions): Promise<EngineClient> {
  const { EngineClient } = await import('./image/engine/client.js')
  const { engineEndpoint } = await import('./image/engine/endpoint.js')
  const endpoint = await engineEndpoint(process.env)
  if (offline === true && endpoint.type === 'tcp') {
    throw new LinuxkitError('build/offline', `--offline forbids to ask the container engine at ${endpoint.host}`, {
      hint: 'leave --docker out',
    })
  }
  return new EngineClient({ endpoint, signal })
}

function checkOffline({ offline, pull, docker, lock, sources }: BuildOptions): void {
  if (docker === true && lock === true) {
    throw new LinuxkitError(
      'build/lock',
      '--docker and --lock exclude each other: what the container engine has need not be in any registry',
    )
  }
  if (offline !== true) return
  if (pull === true) throw new LinuxkitError('build/offline', '--offline and --pull exclude each other')
  const url = sources.find((source) => /^https?:/.test(source))
  if (url !== undefined) throw new LinuxkitError('build/offline', `--offline forbids to fetch ${url}`, { hint: 'name a file' })
}

type LoadSources = Pick<BuildOptions, 'sources' | 'cacheDirectory' | 'progress' | 'signal'>

async function load({ sources, cacheDirectory, progress, signal }: LoadSources): Promise<LoadedConfig> {
  const workTrees = new WorkTrees()
  const tags = new RememberedTags(join(cacheDirectory, 'package-tags.json'))
  const loaded = await loadConfig(sources, {
    signal,
    resolvePackage: (directory) =>
      tags.tagOf(resolve(directory), async () => {
        const one = await loadPackage(directory, { signal, workTrees })
        return { tag: packageReference(one).text, sources: one.sources && (await tagSources(one.sources)) }
      }),
  })
  await tags.keep()
  for (const warning of warningsOf(loaded)) progress(warning)
  return loaded
}

/** An output must not take the place of the tar that is still being read. */
async function checkInput({ inputTar, destination, pull }: BuildOptions, formats: readonly Format[]): Promise<void> {
  if (inputTar === undefined) return
  if (pull === true) {
    throw new LinuxkitError(
      'build/input-tar',
      '--input-tar and --pull exclude each other: one keeps what has been built, the other fetches it anew',
    )
  }
  const input = await stat(inputTar).catch(() => undefined)
  const outputs =
    destination.type === 'stream'
      ? [destination.path]
      : formats.flatMap(({ suffixes }) => suffixes.map((suffix) => destination.base + suffix))
  for (const path of outputs) {
    const output = path === undefined ? undefined : await stat(path).catch(() => undefined)
    if (input !== undefined && output?.ino === input.ino && output.dev === input.dev) {
      throw new LinuxkitError('build/input-tar', `the --input-tar ${inputTar} is also the output`, {
        hint: 'give the output another name with --name or --o',
      })
    }
  }
}

async function checkDestination(destination: Destination, formats: readonly Format[]): Promise<void> {
  if (destination.type === 'stream') {
    if (formats.length > 1) throw new LinuxkitError('build/not-a-stream', '--o takes only one format', { hint: 'use --name and --dir' })
    if (formats.some((format) => format.streams)) return
    const names = formats.map(({ name }) => name).join(', ')
    throw new LinuxkitError('build/not-a-stream', `${names} cannot be streamed, because it is not a single file`, {
      hint: 'use --format tar, or --name and --dir instead of --o',
    })
  }
  const directory = join(destination.base, '..')
  const status = await stat(directory).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  })
  if (status?.isDirectory() !== true) {
    throw new LinuxkitError('build/no-directory', `the directory "${directory}" for the outputs does not exist`, {
      hint: `mkdir -p ${directory}`,
    })
  }
}
