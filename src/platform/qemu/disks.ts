import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LinuxkitError } from '../../base/errors.js'
import { exists } from '../../base/files.js'
import type { Progress } from '../../base/progress.js'

/** What `--disk` asks for. */
export interface DiskSpec {
  readonly path?: string | undefined
  readonly sizeMiB?: number | undefined
  /** A name of QEMU's: `raw`, `qcow2`, ... */
  readonly format?: string | undefined
}

/** A disk whose file is known. Without a format QEMU looks at the content. */
export interface Disk extends DiskSpec {
  readonly path: string
}

function diskError(text: string, problem: string): LinuxkitError {
  return new LinuxkitError('run/disk', `--disk "${text}": ${problem}`, {
    hint: 'write it like size=10G or data.img,size=512M,format=raw (keys: file, size, format)',
  })
}

function parseSize(text: string, disk: string): number | undefined {
  if (text === '') return undefined
  const match = /^(\d+)([GM]?)$/.exec(text)
  if (match === null) throw diskError(disk, `"${text}" is not a size: digits, then G (GiB, also without a unit) or M (MiB)`)
  const size = Number(match[1]) * (match[2] === 'M' ? 1 : 1024)
  if (!Number.isSafeInteger(size)) throw diskError(disk, `"${text}" is too large`)
  return size === 0 ? undefined : size
}

/**
 * Reads the value of `--disk`: parts joined by commas; a part without `=` is the path; a later part overrides an earlier one.
 * @throws {LinuxkitError} `run/disk`
 */
export function parseDisk(text: string): DiskSpec {
  let disk: DiskSpec = {}
  for (const part of text.split(',')) {
    const equals = part.indexOf('=')
    const [key, value] = equals < 0 ? ['file', part] : [part.slice(0, equals), part.slice(equals + 1)]
    if (key === 'file') disk = { ...disk, path: value === '' ? undefined : value }
    else if (key === 'size') disk = { ...disk, sizeMiB: parseSize(value, text) }
    else if (key === 'format') disk = { ...disk, format: value === '' ? undefined : value }
    else throw diskError(text, `there is no key "${key}"`)
  }
  if (disk.path === undefined && disk.sizeMiB === undefined) throw diskError(text, 'it needs a path or a size')
  return disk
}

/** The inverse of `parseDisk`, for paths without a comma. */
export function formatDisk(disk: DiskSpec): string {
  const parts = [
    disk.path === undefined ? [] : [`file=${disk.path}`],
    disk.sizeMiB === undefined ? [] : [`size=${disk.sizeMiB}M`],
    disk.format === undefined ? [] : [`format=${disk.format}`],
  ]
  return parts.flat().join(',')
}

/** Gives every disk a file, those without one in the state directory (`disk.img`, `disk1.img`, ...), and those to be created a format. */
export function resolveDisks(specs: readonly DiskSpec[], stateDirectory: string): Disk[] {
  return specs.map((spec, index) => ({
    ...spec,
    path: spec.path ?? join(stateDirectory, `disk${index === 0 ? '' : index}.img`),
    format: spec.format ?? (spec.sizeMiB === undefined ? undefined : 'qcow2'),
  }))
}

/** The disks that are not there yet. @throws {LinuxkitError} `run/disk` when one of them has no size. */
export async function missingDisks(disks: readonly Disk[]): Promise<Disk[]> {
  const missing: Disk[] = []
  for (const disk of disks) {
    if (await exists(disk.path)) continue
    if (disk.sizeMiB === undefined) throw diskError(formatDisk(disk), 'there is no such file, and no size to create it with')
    missing.push(disk)
  }
  return missing
}

/** Creates the file of a disk with `qemu-img`. @throws {LinuxkitError} `run/disk` with what qemu-img said. */
export async function createDisk(disk: Disk, qemuImg: string, progress: Progress, signal: AbortSignal): Promise<void> {
  progress({ type: 'info', message: `creating disk ${disk.path} (${disk.sizeMiB} MiB, ${disk.format})` })
  const command = ['create', '-f', disk.format ?? 'qcow2', disk.path, `${disk.sizeMiB}M`]
  try {
    await promisify(execFile)(qemuImg, command, { signal })
  } catch (error) {
    await rm(disk.path, { force: true })
    signal.throwIfAborted()
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new LinuxkitError('run/disk', `cannot create the disk ${disk.path}: ${said}`, { cause: error })
  }
}
