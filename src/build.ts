import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Arch } from './base/arch.js'
import { isSystemError, LinuxkitError } from './base/errors.js'
import type { Progress } from './base/progress.js'
import { loadConfig, type LoadedConfig } from './config/load.js'
import { dryRunYaml } from './config/metadata.js'
import { warningsOf } from './config/warnings.js'
import { openCache } from './image/cache.js'
import { RegistryClient } from './image/registry/client.js'
import { mirrorsOf } from './image/registry/mirrors.js'
import { findFormat } from './output/formats.js'
import type { Format } from './output/format.js'
import { writeFiles } from './output/write.js'
import { loadPackage, packageReference } from './pkg/package.js'
import { WorkTrees } from './pkg/work-tree.js'
import { provideImages, provideLayout } from './pkg/provide-images.js'
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
  /** Undefined for an image without an SBOM. */
  readonly sbom: SbomOptions | undefined
  /** Where images are asked for in place of their registries: `URL` or `registry=URL`. */
  readonly mirrors?: readonly string[] | undefined
  /** Fetches every image that is not a package anew. */
  readonly pull?: boolean | undefined
  /** A tar of an earlier build, from which the lines that have not changed are taken. */
  readonly inputTar?: string | undefined
  /** Of the Debian packages that missing `@pkg:` packages are made from; by default the host's own. */
  readonly debianMirror?: string | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

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
  const { destination, progress, signal } = options
  const formats = options.formats.map(findFormat)
  await checkDestination(destination, formats)
  await checkInput(options, formats)
  const loaded = await load(options)
  const cache = await openCache(options.cacheDirectory)
  const provide = {
    cache,
    arch: options.arch,
    packages: loaded.packages,
    placeOf: loaded.placeOf,
    registry: new RegistryClient({ mirrors: mirrorsOf(options.mirrors ?? [], process.env), environment: process.env, progress, signal }),
    pull: options.pull ?? false,
    mirror: options.debianMirror,
    progress,
    signal,
  }
  const earlier = options.inputTar === undefined ? undefined : await earlierParts(loaded.config, options.inputTar, { ...options, cache })
  const wanted = [...imageNames(loaded.config)].filter(([location]) => earlier?.part(partLocation(location)) === undefined)
  const plan = await planImage(loaded.config, {
    imageOf: await provideImages(new Map(wanted), provide),
    layoutOf: (location, name, platforms) => provideLayout(location, name, platforms, provide),
    placeOf: loaded.placeOf,
    decompressKernel: options.decompressKernel ?? false,
    sbom: options.sbom,
    earlier,
  })

  const written: string[] = []
  for (const format of formats) {
    await using made = await format.make(plan, { fragmentDirectory: join(options.cacheDirectory, 'fragments'), progress, signal })
    if (destination.type === 'files') {
      written.push(...(await writeFiles(destination.base, made.joined, signal)))
    } else {
      for (const { content } of made.joined) await destination.write(content.open())
    }
  }
  return written
}

/** The merged configuration as yml, with its packages' tags in place. Nothing is built. */
export async function dryRun(options: LoadSources): Promise<string> {
  return dryRunYaml((await load(options)).config)
}

type LoadSources = Pick<BuildOptions, 'sources' | 'progress' | 'signal'>

async function load({ sources, progress, signal }: LoadSources): Promise<LoadedConfig> {
  const workTrees = new WorkTrees()
  const loaded = await loadConfig(sources, {
    signal,
    resolvePackage: async (directory) => packageReference(await loadPackage(directory, { signal, workTrees })).text,
  })
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
  const streamed = formats.find((format) => format.streams)
  if (formats.length > 1 && streamed !== undefined) {
    throw new LinuxkitError('build/format-alone', `the format ${streamed.name} can only be made alone`, { hint: 'run a build for each' })
  }
  if (destination.type === 'stream') {
    if (formats.length > 1) throw new LinuxkitError('build/not-a-stream', '--o takes only one format', { hint: 'use --name and --dir' })
    if (streamed !== undefined) return
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
