import { FIXED_TIME } from '../archive/entry.js'
import { ARCHES, parseArch, type Arch } from '../base/arch.js'
import { LinuxkitError } from '../base/errors.js'
import type { Progress } from '../base/progress.js'
import { writeSbomAttestation } from '../image/attestation.js'
import type { ImageCache } from '../image/cache.js'
import { CONFIG_LABEL, labelJson } from '../image/container-config-label.js'
import { addToIndex, writeImage } from '../image/image-writer.js'
import type { Descriptor } from '../image/oci.js'
import { KERNEL_INITRD_LABEL, KERNEL_RELEASE_LABEL, PACKAGES_LABEL } from '../image/package-labels.js'
import type { Reference } from '../image/reference.js'
import { isFor, type DebianSection } from './debian-section.js'
import { openDebianArchive, type DebianArchive, type DebianArchiveOptions, type DebianPackage } from './debian/index.js'
import type { FileTree } from './file-tree.js'
import { kernelImage } from './kernel/kernel-image.js'
import { loadPackage, packageReference, type Package, type PackageOptions } from './package.js'
import { composeRoot, unpackPackages } from './root-tree.js'
import { spdxDocument } from './sbom.js'
import { Spool } from './spool.js'

/** How the Debian archive is reached; see {@link DebianArchiveOptions}. */
type ArchiveAccess = Pick<DebianArchiveOptions, 'mirror' | 'keyring' | 'aptDirectory' | 'environment' | 'checkValidUntil'>

export interface BuildOptions extends PackageOptions, ArchiveAccess {
  readonly platforms: readonly Arch[]
  /** Where the image goes, and where downloads are kept. */
  readonly cache: ImageCache
  /** Builds also what is in the cache already. */
  readonly force?: boolean | undefined
  /** Opens the Debian archive; see {@link sharedArchives}. By default each package opens it anew. */
  readonly openArchive?: typeof openDebianArchive | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

export interface BuiltPackage {
  readonly reference: Reference
  /** Of the index that holds the images of all platforms. */
  readonly descriptor: Descriptor
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Makes a package's images in the cache, as far as they are not there under its tag. The same package, Debian packages and Go compiler give the same image.
 * @throws {LinuxkitError} `pkg/needs-buildkit`, `pkg/arch`, and what loading, resolving and compiling throw
 */
export async function buildPackage(directory: string, options: BuildOptions): Promise<BuiltPackage> {
  const { cache, progress } = options
  const one = await loadPackage(directory, options)
  const reference = packageReference(one)
  if (options.hashCommit !== undefined && options.hashCommit !== 'HEAD') {
    throw new LinuxkitError('pkg/hash-commit', 'only the package as it lies in the work tree can be built, not that of another commit')
  }
  const missing: Arch[] = []
  // In an order of our own, for the order of an index is part of its digest.
  for (const arch of ARCHES.filter((known) => options.platforms.includes(known))) {
    checkArch(one, arch)
    if (options.force === true || !(await isInCache(cache, reference, arch))) missing.push(arch)
    else progress({ type: 'info', message: `${reference.text} for ${arch} is in the cache` })
  }
  await using _ = await cache.hold()
  const images: Descriptor[] = []
  const sboms: Descriptor[] = []
  for (const arch of missing) {
    const id = `pkg/${reference.text}/${arch}`
    progress({ type: 'start', id, title: `package ${one.tag} (${arch})` })
    const { image, sbom } = await buildPlatform(one, reference, arch, options)
    images.push(image)
    sboms.push(sbom)
    progress({ type: 'finish', id, note: 'built' })
  }
  const descriptor = images.length === 0 ? await cache.resolve(reference) : await addToIndex(cache, reference.text, [...images, ...sboms])
  if (descriptor === undefined)
    throw new LinuxkitError('pkg/nothing-built', `${reference.text} is not in the cache, and no architecture was asked for`)
  return { reference, descriptor }
}

function checkArch(one: Package, arch: Arch): void {
  if (one.yml.arches.includes(arch)) return
  throw new LinuxkitError('pkg/arch', `the package ${one.yml.image} is not made for ${arch}`, {
    where: one.document.place(['arches'], 'value'),
    hint: `it is made for ${one.yml.arches.join(', ') || 'no architecture at all'}; see "arches"`,
  })
}

async function isInCache(cache: ImageCache, reference: Reference, arch: Arch): Promise<boolean> {
  try {
    return (await cache.find(reference, { os: 'linux', architecture: arch })) !== undefined
  } catch (error) {
    if (error instanceof LinuxkitError && error.code === 'image/no-platform') return false
    throw error
  }
}

interface PlatformImage {
  /** Manifest of the image, and that of its SBOM. */
  readonly image: Descriptor
  readonly sbom: Descriptor
}

async function buildPlatform(one: Package, reference: Reference, arch: Arch, options: BuildOptions): Promise<PlatformImage> {
  const { cache, progress, signal } = options
  const section = debianSectionOf(one)
  const packages = await fetchPackages(one, section, arch, options)
  await using spool = await Spool.create(cache.directory)
  const tree = await unpackPackages(packages, arch, spool, signal)
  const labels: Record<string, string> = await sourceLabels(one, packages)
  let contents: FileTree = tree
  if (section.kernel === undefined) await composeRoot(tree, one, section, arch, spool, signal)
  else {
    const kernel = await kernelImage(tree, section.kernel, spool, signal)
    contents = kernel.tree
    labels[KERNEL_RELEASE_LABEL] = kernel.release
    labels[KERNEL_INITRD_LABEL] = kernel.initrdCompressions.join(',')
    progress({ type: 'info', message: `Linux ${kernel.release} with ${kernel.modules} modules` })
  }
  const image = await writeImage(cache, {
    layers: [contents.tar()],
    config: {
      created: new Date(FIXED_TIME.seconds * 1000).toISOString(),
      architecture: arch,
      os: 'linux',
      config: { Env: [PATH], Labels: Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))) },
    },
  })
  const programs = section.programs.filter((program) => isFor(program, arch)).map(({ program }) => program)
  const document = spdxDocument({ tag: one.tag, arch, release: section.release, packages, programs })
  return { image, sbom: await writeSbomAttestation(cache, image, reference.text, [document]) }
}

function debianSectionOf(one: Package): DebianSection {
  if (one.yml.debian !== undefined) return one.yml.debian
  throw new LinuxkitError(
    'pkg/needs-buildkit',
    `the package ${one.yml.image} is built by a Dockerfile, for which BuildKit is needed, which this version does not speak yet`,
    {
      where: { file: one.document.file },
      hint: 'describe it by a "debian:" section',
    },
  )
}

/** Opens the archive once for each release and architecture, however many packages are built: verifying and reading its lists takes a second. */
export function sharedArchives(): typeof openDebianArchive {
  const opened = new Map<string, Promise<DebianArchive>>()
  return (options) => {
    const key = `${options.release}/${options.arch}`
    const archive = opened.get(key) ?? openDebianArchive(options)
    opened.set(key, archive)
    return archive
  }
}

async function fetchPackages(one: Package, section: DebianSection, arch: Arch, options: BuildOptions) {
  const wanted = section.packages
    .filter((wish) => typeof wish === 'string' || isFor(wish, arch))
    .map((wish) => (typeof wish === 'string' ? wish : wish.name))
  if (wanted.length === 0) return []
  const { mirror, keyring, aptDirectory, environment, checkValidUntil, progress, signal } = options
  const access = { mirror, keyring, aptDirectory, environment, checkValidUntil, progress, signal }
  const open = options.openArchive ?? openDebianArchive
  const archive = await open({ ...access, release: section.release, arch, cacheDirectory: options.cache.directory })
  return archive.download(located(one, section, () => archive.resolve(wanted, section.exclude)))
}

/** Points an error about a package that does not exist at the line that names it. */
function located(one: Package, section: DebianSection, resolve: () => readonly DebianPackage[]): readonly DebianPackage[] {
  try {
    return resolve()
  } catch (error) {
    if (!(error instanceof LinuxkitError) || error.code !== 'debian/unknown-package') throw error
    const index = section.packages.findIndex((wish) => error.message.includes(`"${typeof wish === 'string' ? wish : wish.name}"`))
    const where = one.document.place(['debian', 'packages', Math.max(index, 0)], 'value')
    throw new LinuxkitError(error.code, error.message, { hint: error.hint, cause: error, where })
  }
}

async function sourceLabels(one: Package, packages: readonly DebianPackage[]): Promise<Record<string, string>> {
  const { yml, dirty } = one
  const revision = await one.revision()
  const labels: Record<string, string> = {}
  if (yml.config !== undefined) labels[CONFIG_LABEL] = labelJson(yml.config)
  if (packages.length > 0) labels[PACKAGES_LABEL] = packages.map(({ name, version }) => `${name}=${version}`).join(' ')
  // OCI image-spec, annotations.md "Pre-Defined Annotation Keys".
  if (yml.gitrepo !== '' && (dirty || revision !== undefined)) labels['org.opencontainers.image.source'] = yml.gitrepo
  if (revision !== undefined) labels['org.opencontainers.image.revision'] = revision
  return labels
}

/** The architectures of a list like `linux/amd64,linux/arm64`. @throws {LinuxkitError} `arch/unknown` */
export function parsePlatforms(text: string): readonly Arch[] {
  return [...new Set(text.split(',').map((platform) => parseArch(platform.trim().replace(/^linux\//, ''))))]
}
