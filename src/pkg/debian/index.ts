import { join } from 'node:path'
import { ARCHES, type Arch } from '../../base/arch.js'
import { LinuxkitError } from '../../base/errors.js'
import type { Progress } from '../../base/progress.js'
import { downloadPackages, type DownloadedPackage } from './download.js'
import { REQUEST_DEFAULTS } from './http.js'
import { readIndex } from './indexes.js'
import { loadKeyring } from './keyring.js'
import { PackageSet } from './package-set.js'
import type { DebianPackage } from './packages.js'
import { resolvePackages } from './resolve.js'
import { findSources } from './sources.js'
import { openSuites, type Suite } from './suites.js'

export { readDeb, type Deb } from './deb.js'
export type { DownloadedPackage } from './download.js'
export type { DebianPackage } from './packages.js'

/** The Debian release that packages are taken from, whatever the host runs. */
export const DEFAULT_RELEASE = 'trixie'

export interface DebianArchiveOptions {
  /** Code name; {@link DEFAULT_RELEASE} by default. */
  readonly release?: string | undefined
  /** Architecture of the packages; it need not be the host's. */
  readonly arch: Arch
  /** Parts of the archive; `main` by default. */
  readonly components?: readonly string[] | undefined
  /** Root of the cache; what is kept lies in its directory `debian`. */
  readonly cacheDirectory: string
  /** URL of the mirror, before all that environment and host say. */
  readonly mirror?: string | undefined
  /** File with the keys of the archive, before what the host says. */
  readonly keyring?: string | undefined
  /** False to accept a mirror that is a snapshot of old times; by default as the host's apt has it for its mirror, else true. */
  readonly checkValidUntil?: boolean | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Where the host's apt is configured; `/etc/apt` by default. */
  readonly aptDirectory?: string | undefined
  /** The environment that may name the mirror; that of the process by default. */
  readonly environment?: NodeJS.ProcessEnv | undefined
  /** Milliseconds without a byte after which a download is given up; 60000 by default. */
  readonly stallTimeout?: number | undefined
  /** Milliseconds before a failed download is repeated the first time; 500 by default. */
  readonly retryDelay?: number | undefined
}

/** The packages of a Debian release for one architecture. */
export interface DebianArchive {
  readonly release: string
  readonly arch: Arch
  /**
   * The packages and all that they depend on, in their newest versions, sorted by name.
   * @param exclude packages that count as installed and are left out
   * @throws {LinuxkitError} `debian/unknown-package`, `debian/unmet-dependency`
   */
  resolve(names: readonly string[], exclude?: readonly string[]): readonly DebianPackage[]
  /**
   * Fetches the packages' .debs as far as they are not in the cache.
   * @throws {LinuxkitError} of the network, and `debian/bad-hash`
   */
  download(packages: readonly DebianPackage[]): Promise<readonly DownloadedPackage[]>
}

/**
 * Opens the archive: finds the mirror, verifies the signatures of its lists, and reads them. Lists are fetched again when they changed.
 * Without a network it works with what is in the cache, and warns.
 * @throws {LinuxkitError} `debian/…`: no mirror, no keyring, a bad signature or digest, an unknown release or architecture
 */
export async function openDebianArchive(options: DebianArchiveOptions): Promise<DebianArchive> {
  const { release = DEFAULT_RELEASE, arch, components = ['main'], cacheDirectory, progress, signal } = options
  const aptDirectory = options.aptDirectory ?? '/etc/apt'
  const listsDirectory = join(cacheDirectory, 'debian', 'lists')
  const request = {
    signal,
    stallTimeout: options.stallTimeout ?? REQUEST_DEFAULTS.stallTimeout,
    retryDelay: options.retryDelay ?? REQUEST_DEFAULTS.retryDelay,
  }
  const sources = await findSources(options.mirror, aptDirectory, options.environment ?? process.env)
  const suites = await openSuites({
    sources,
    release,
    keyring: await loadKeyring(options.keyring, sources.signedBy, aptDirectory),
    listsDirectory,
    request,
    checkValidUntil: options.checkValidUntil ?? sources.checkValidUntil,
    progress,
  })
  checkOffer(suites[0], arch, components)
  const found: DebianPackage[] = []
  for (const suite of suites) {
    for (const component of components) {
      for (const one of await readIndex(suite, component, arch, { listsDirectory, request, progress })) found.push(one)
    }
  }
  const packages = new PackageSet(found, arch)
  let downloads = 0
  return {
    release,
    arch,
    resolve: (names, exclude) => resolvePackages(packages, names, exclude),
    download: (wanted) =>
      downloadPackages(wanted, {
        poolDirectory: join(cacheDirectory, 'debian', 'pool'),
        request,
        progress,
        id: `debian/${release}/${arch}/${(downloads += 1)}`,
      }),
  }
}

/** A release lists what it has, so that a wrong wish is not answered with an empty list of packages. */
function checkOffer(main: Suite | undefined, arch: Arch, components: readonly string[]): void {
  if (main === undefined) return
  const { architectures, components: offered } = main.release
  if (!architectures.includes(arch)) {
    throw new LinuxkitError('debian/no-architecture', `Debian ${main.name} on this mirror has no packages for ${arch}`, {
      hint: `it has packages for ${ARCHES.filter((other) => architectures.includes(other)).join(', ')}`,
    })
  }
  const missing = components.find((component) => !offered.includes(component))
  if (missing === undefined) return
  throw new LinuxkitError('debian/no-component', `Debian ${main.name} on this mirror has no component "${missing}"`, {
    hint: `it has ${offered.join(', ')}`,
  })
}
