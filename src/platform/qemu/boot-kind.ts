import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { LinuxkitError } from '../../base/errors.js'
import { exists } from '../../base/files.js'
import type { Progress } from '../../base/progress.js'

/** `kernel`: kernel and initrd; `squashfs`: kernel and a root disk; `iso`: a CD; `disk`: a disk with a boot loader. */
export type BootKind = 'kernel' | 'squashfs' | 'iso' | 'disk'

/** The files that a machine boots from. */
export type Boot =
  | { readonly kind: 'kernel'; readonly kernel: string; readonly initrd: string; readonly cmdline: string | undefined }
  | { readonly kind: 'squashfs'; readonly kernel: string; readonly root: string; readonly cmdline: string | undefined }
  | { readonly kind: 'iso' | 'disk'; readonly path: string }

async function isFile(path: string): Promise<boolean> {
  // A block device is as good a disk as a file; a directory that is named as the image is not meant.
  return stat(path).then(
    (status) => !status.isDirectory(),
    () => false,
  )
}

async function detectKind(path: string): Promise<BootKind | undefined> {
  if (await isFile(path)) return path.endsWith('.iso') ? 'iso' : 'disk'
  if (!(await exists(`${path}-kernel`))) return undefined
  return (await exists(`${path}-squashfs.img`)) ? 'squashfs' : 'kernel'
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

async function requireFiles(paths: readonly string[]): Promise<void> {
  const present = await Promise.all(paths.map(isFile))
  const absent = paths.filter((_, index) => !present[index])
  if (absent.length > 0) throw await missing(absent)
}

/** The kernel command line, byte for byte; a machine can do without. */
async function readCmdline(path: string, progress: Progress): Promise<string | undefined> {
  const file = `${path}-cmdline`
  if (await exists(file)) return readFile(file, 'utf8')
  progress({ type: 'warning', message: `${file} does not exist: the kernel gets no command line, so no console either` })
  return undefined
}

/**
 * Finds out what `path` names: a file is a disk, or a CD when it ends in `.iso`; otherwise the files that `build` puts beside it are tried.
 * @param kind taken for granted when given; the files must exist all the same
 * @throws {LinuxkitError} `run/no-image`, with what was looked for and what there is
 */
export async function findBoot(path: string, kind: BootKind | undefined, progress: Progress): Promise<Boot> {
  const actual = kind ?? (await detectKind(path))
  const kernel = `${path}-kernel`
  switch (actual) {
    case undefined:
      throw await missing([path, kernel, `${path}-initrd.img`, `${path}-squashfs.img`, `${path}.iso`])
    case 'iso':
    case 'disk':
      await requireFiles([path])
      return { kind: actual, path }
    case 'kernel': {
      const initrd = `${path}-initrd.img`
      await requireFiles([kernel, initrd])
      return { kind: actual, kernel, initrd, cmdline: await readCmdline(path, progress) }
    }
    case 'squashfs': {
      const root = `${path}-squashfs.img`
      await requireFiles([kernel, root])
      return { kind: actual, kernel, root, cmdline: await readCmdline(path, progress) }
    }
  }
}

/** The prefix of the state directory: the path without `.iso`. */
export function bootPrefix(path: string, boot: Boot): string {
  return boot.kind === 'iso' && path.endsWith('.iso') ? path.slice(0, -'.iso'.length) : path
}
