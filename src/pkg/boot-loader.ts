import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { entry, type Entry } from '../archive/entry.js'
import { readTar } from '../archive/tar-reader.js'
import { tarContent } from '../archive/tar-writer.js'
import type { Arch } from '../base/arch.js'
import { bytesContent, readContent, textContent } from '../base/content.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { writeAtomic } from '../base/files.js'
import type { Progress } from '../base/progress.js'
import { DEFAULT_RELEASE, openDebianArchive, readDeb, type DebianArchiveOptions } from './debian/index.js'

/** Files of Debian packages that boot a machine, as far as they are not made here. */
interface BootLoader {
  /** Of this architecture, if not of that of the image: programs that a BIOS starts are in packages of a PC. */
  readonly arch?: Arch
  readonly packages: readonly string[]
  /** Packages that those depend on and whose files are wanted too, by how their names begin. */
  readonly dependencies?: string
  /** Parts of the archive that the packages are in. */
  readonly components: readonly string[]
  /** Paths in the packages, or how those begin. */
  readonly files: readonly (string | RegExp)[]
}

const BOOT_LOADERS = {
  /** For a BIOS: the loaders of disks and CDs, all of one build each. */
  syslinux: {
    arch: 'amd64',
    packages: ['isolinux', 'syslinux', 'syslinux-common'],
    components: ['main'],
    files: [
      'usr/bin/syslinux',
      'usr/lib/ISOLINUX/isolinux.bin',
      'usr/lib/ISOLINUX/isohdpfx.bin',
      'usr/lib/syslinux/mbr/mbr.bin',
      'usr/lib/syslinux/mbr/gptmbr.bin',
      'usr/lib/syslinux/modules/bios/ldlinux.c32',
    ],
  },
  /** For EFI: the stub of unified kernel images, and a loader for kernels in files of their own. */
  'systemd-boot': { packages: ['systemd-boot-efi'], components: ['main'], files: ['usr/lib/systemd/boot/efi/'] },
  /** For the Raspberry Pi: its firmware, and the loader that this starts. */
  raspberry: {
    packages: ['raspi-firmware', 'u-boot-rpi'],
    components: ['main', 'non-free-firmware'],
    files: [
      'usr/lib/raspi-firmware/bootcode.bin',
      'usr/lib/raspi-firmware/start',
      'usr/lib/raspi-firmware/fixup',
      'usr/lib/u-boot/rpi_3/u-boot.bin',
      'usr/share/doc/raspi-firmware/copyright',
    ],
  },
  /** Of Debian's kernel, for kernels that bring none. */
  'raspberry-device-trees': {
    packages: ['linux-image-arm64'],
    dependencies: 'linux-image-',
    components: ['main'],
    files: [/^usr\/lib\/linux-image-[^/]+\/broadcom\/bcm2837-rpi-3-/],
  },
} as const satisfies Readonly<Record<string, BootLoader>>

export type BootLoaderName = keyof typeof BOOT_LOADERS

/** The files of a boot loader by their paths in the Debian packages. */
export type BootLoaderFiles = ReadonlyMap<string, Buffer>

export interface BootLoaderOptions extends Pick<DebianArchiveOptions, 'mirror' | 'keyring' | 'aptDirectory' | 'environment'> {
  /** Of the image. */
  readonly arch: Arch
  readonly cacheDirectory: string
  /** Whether the archive is asked for newer ones, be they in the cache or not. */
  readonly pull: boolean
  /** Whether the network is forbidden. */
  readonly offline: boolean
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** In a kept archive, the member that says which packages the others are from. */
const PACKAGES_MEMBER = 'packages'

/**
 * The files of a boot loader: from the cache, or else out of Debian packages, whose signatures are verified on the way. What has been fetched once
 * needs no network any more, and stays what it is until newer ones are asked for.
 * @throws {LinuxkitError} `build/offline` when they are not in the cache; `debian/…` when they cannot be fetched
 */
export async function provideBootLoader(name: BootLoaderName, options: BootLoaderOptions): Promise<BootLoaderFiles> {
  const loader: BootLoader = BOOT_LOADERS[name]
  const arch = loader.arch ?? options.arch
  const path = join(options.cacheDirectory, 'boot-loaders', `${name}-${arch}-${DEFAULT_RELEASE}.tar`)
  const kept = await readKept(path)
  if (kept !== undefined && isComplete(kept, loader) && !options.pull) return kept
  if (options.offline) {
    const packages = loader.packages.join(', ')
    throw new LinuxkitError(
      'build/offline',
      `the boot loader ${name} for ${arch} is not in the cache, and --offline forbids to fetch the Debian packages ${packages}`,
      { hint: 'build once without --offline' },
    )
  }
  const fetched = await fetchBootLoader(name, loader, arch, options)
  if (!isComplete(fetched, loader)) {
    const missing = loader.files.find((file) => !has(fetched, file))
    throw new LinuxkitError('debian/no-boot-loader', `the Debian packages ${loader.packages.join(', ')} have no "${String(missing)}"`, {
      hint: `boot loaders come from Debian ${DEFAULT_RELEASE}`,
    })
  }
  const members = [...fetched].map(([member, bytes]) => entry({ path: member, type: 'file', content: bytesContent(bytes) }))
  await writeAtomic(path, tarContent(members).open())
  return fetched
}

function isComplete(files: BootLoaderFiles, { files: wanted }: BootLoader): boolean {
  return wanted.every((file) => has(files, file))
}

function has(files: BootLoaderFiles, wanted: string | RegExp): boolean {
  return [...files.keys()].some((path) => matches(path, wanted))
}

function matches(path: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? path.startsWith(wanted) : wanted.test(path)
}

async function readKept(path: string): Promise<BootLoaderFiles | undefined> {
  const archive = await readFile(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  })
  if (archive === undefined) return undefined
  const files = new Map<string, Buffer>()
  try {
    for await (const { path: member, content } of readTar(bytesContent(archive).open())) files.set(member, await readContent(content))
  } catch (error) {
    // A damaged one is fetched anew.
    if (error instanceof LinuxkitError) return undefined
    throw error
  }
  return files
}

async function fetchBootLoader(
  name: BootLoaderName,
  { packages, dependencies, components, files }: BootLoader,
  arch: Arch,
  options: BootLoaderOptions,
): Promise<BootLoaderFiles> {
  const { mirror, keyring, aptDirectory, environment, cacheDirectory, progress, signal } = options
  const archive = await openDebianArchive({
    mirror,
    keyring,
    aptDirectory,
    environment,
    cacheDirectory,
    progress,
    signal,
    arch,
    components,
  })
  // What else they depend on is for running them on a Debian system.
  const wanted = archive
    .resolve(packages)
    .filter((found) => packages.includes(found.name) || (dependencies !== undefined && found.name.startsWith(dependencies)))
  const found = new Map<string, Buffer>()
  for (const { path } of await archive.download(wanted)) {
    for await (const one of (await readDeb(path)).entries) {
      if (isWanted(one, files)) found.set(one.path, await readContent(one.content))
    }
  }
  const versions = wanted.map((one) => `${one.name}=${one.version}`)
  progress({ type: 'info', message: `boot loader ${name} from ${versions.join(' ')}` })
  return new Map([[PACKAGES_MEMBER, await readContent(textContent(`${versions.join('\n')}\n`))], ...found])
}

function isWanted({ path, type }: Entry, files: BootLoader['files']): boolean {
  return type === 'file' && files.some((file) => matches(path, file))
}
