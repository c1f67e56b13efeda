import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { LinuxkitError } from '../../base/errors.js'
import { exists } from '../../base/files.js'
import type { Progress } from '../../base/progress.js'
import { recogniseImage, type DiskFormat } from '../image-format.js'

/** What a user can say that an image is: a kernel and its initrd, a kernel and a file system for its root, a CD. */
export const BOOT_KINDS = ['kernel', 'squashfs', 'erofs', 'iso'] as const
export type BootKind = (typeof BOOT_KINDS)[number]

/** A kernel that QEMU loads by itself, with its command line. */
interface KernelBoot {
  readonly kernel: string
  readonly cmdline: string | undefined
}

/**
 * The files that a machine boots from. `kernel`: kernel and initrd; `root`: kernel and a disk that is the file system of its root, with an initrd where the kernel cannot mount it by itself; `iso`: a CD; `disk`: a disk
 * with a boot loader, of the given format, or one that QEMU finds out; `archive`: one that has to be unpacked; `program`: one that EFI starts.
 */
export type Boot =
  | (KernelBoot & { readonly kind: 'kernel'; readonly initrd: string })
  | (KernelBoot & { readonly kind: 'root'; readonly root: string; readonly initrd: string | undefined })
  | { readonly kind: 'iso'; readonly path: string }
  | { readonly kind: 'archive'; readonly path: string }
  | { readonly kind: 'program'; readonly path: string }
  | { readonly kind: 'disk'; readonly path: string; readonly format: DiskFormat | undefined }

/** What `build` puts beside a kernel, in the order in which it is looked for: LinuxKit too takes the squashfs where there is an initrd as well. */
const COMPANIONS = [
  { kind: 'squashfs', suffix: '-squashfs.img', initrd: '-squashfs-initrd.img' },
  { kind: 'erofs', suffix: '-erofs.img', initrd: '-erofs-initrd.img' },
  { kind: 'kernel', suffix: '-initrd.img' },
  { kind: 'kernel+iso', suffix: '.iso', initrd: '-iso-initrd.img' },
] as const

async function isFile(path: string): Promise<boolean> {
  // A block device is as good a disk as a file; a directory that is named as the image is not meant.
  return stat(path).then(
    (status) => !status.isDirectory(),
    () => false,
  )
}

function commonPrefix(one: string, other: string): number {
  let length = 0
  while (length < one.length && one[length]?.toLowerCase() === other[length]?.toLowerCase()) length++
  return length
}

/** Files in the same directory that could have been meant: those that begin alike, the most alike first. */
async function neighbours(path: string): Promise<string[]> {
  const wanted = basename(path).replace(/\.[^.]*$/, '')
  const names = (await readdir(dirname(path)).catch(() => [])).filter((name) => !name.endsWith('-state'))
  const alike = names.map((name) => ({ name, likeness: commonPrefix(wanted, name) })).filter(({ likeness }) => likeness * 2 > wanted.length)
  return alike
    .sort((a, b) => b.likeness - a.likeness || (a.name < b.name ? -1 : 1))
    .slice(0, 8)
    .map(({ name }) => name)
}

async function missing(wanted: readonly string[]): Promise<LinuxkitError> {
  const [first = ''] = wanted
  const found = await neighbours(first)
  const hint =
    found.length === 0
      ? `there is nothing of a similar name in ${dirname(first)}/`
      : `did you mean one of: ${found.map((name) => join(dirname(first), name)).join(', ')}`
  return new LinuxkitError('run/no-image', `there is nothing to boot: looked for ${wanted.join(', ')}`, { hint })
}

/** The kernel command line, byte for byte; a machine can do without. */
async function readCmdline(path: string, progress: Progress): Promise<string | undefined> {
  const file = `${path}-cmdline`
  if (await exists(file)) return readFile(file, 'utf8')
  progress({ type: 'warning', message: `${file} does not exist: the kernel gets no command line, so no console either` })
  return undefined
}

/** A file, by what it holds. */
async function fileBoot(path: string, progress: Progress): Promise<Boot> {
  const format = await recogniseImage(path)
  switch (format) {
    case 'iso':
      return { kind: 'iso', path }
    case 'gzip':
      return { kind: 'archive', path }
    case 'efi-program':
      return { kind: 'program', path }
    case undefined:
      progress({ type: 'warning', message: `${path} is taken for a disk, but nothing in it says that it is one that boots` })
      return { kind: 'disk', path, format }
    default:
      return { kind: 'disk', path, format }
  }
}

/** The kernel beside `path` and what goes with it. */
async function kernelBoot(path: string, kind: BootKind | undefined, progress: Progress): Promise<Boot> {
  const kernel = `${path}-kernel`
  const wanted = COMPANIONS.filter((companion) => kind === undefined || companion.kind === kind)
  const present = await Promise.all(wanted.map(({ suffix }) => isFile(`${path}${suffix}`)))
  const companion = wanted[present.indexOf(true)]
  if (companion === undefined || !(await isFile(kernel))) {
    const files = wanted.map(({ suffix }) => `${path}${suffix}`)
    throw await missing(kind === undefined ? [path, kernel, ...files] : [kernel, ...files])
  }
  const file = `${path}${companion.suffix}`
  const cmdline = await readCmdline(path, progress)
  if (companion.kind === 'kernel') return { kind: 'kernel', kernel, initrd: file, cmdline }
  const initrd = `${path}${companion.initrd}`
  return { kind: 'root', kernel, root: file, initrd: (await isFile(initrd)) ? initrd : undefined, cmdline }
}

/**
 * Finds out what `path` names: a file is what its bytes say; otherwise the files that `build` puts beside it are tried.
 * @param kind taken for granted when given; the files must exist all the same
 * @throws {LinuxkitError} `run/no-image`, with what was looked for and what there is
 */
export async function findBoot(path: string, kind: BootKind | undefined, progress: Progress): Promise<Boot> {
  if (kind === 'iso') {
    if (!(await isFile(path))) throw await missing([path])
    return { kind, path }
  }
  return kind === undefined && (await isFile(path)) ? fileBoot(path, progress) : kernelBoot(path, kind, progress)
}

/** The prefix of the state directory: the path without `.iso`. */
export function bootPrefix(path: string, boot: Boot): string {
  return boot.kind === 'iso' && path.endsWith('.iso') ? path.slice(0, -'.iso'.length) : path
}
