import { execFile } from 'node:child_process'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Arch } from '../../base/arch.js'
import { LinuxkitError } from '../../base/errors.js'
import { archivedDiskStart } from '../disk-archive.js'
import { isEfiOnlyCd, isEfiOnlyDisk, PARTITION_TABLE_SIZE } from '../efi-only.js'
import { readBytes, type DiskFormat } from '../image-format.js'
import { findProgram } from '../programs.js'
import type { Boot } from './boot-kind.js'
import type { Environment } from './environment.js'

/** Whether a machine needs UEFI firmware to boot this: what has no other firmware does, and what a BIOS would not boot. */
export async function needsUefi(boot: Boot, arch: Arch, environment: Environment): Promise<boolean> {
  if (boot.kind === 'kernel' || boot.kind === 'root' || arch === 's390x') return false
  if (boot.kind === 'program' || arch !== 'amd64') return true
  if (boot.kind === 'iso') return isEfiOnlyCd(boot.path)
  return isEfiOnlyDisk(await diskStart(boot, environment))
}

async function diskStart(boot: Extract<Boot, { kind: 'disk' } | { kind: 'archive' }>, { variables, signal }: Environment): Promise<Buffer> {
  if (boot.kind === 'archive') return archivedDiskStart(boot.path, PARTITION_TABLE_SIZE)
  // Of what is unknown nobody can tell.
  if (boot.format === undefined) return Buffer.alloc(0)
  if (boot.format !== 'raw') return translatedStart(boot.path, boot.format, await findProgram('qemu-img', variables['PATH']), signal)
  await using file = await open(boot.path)
  return readBytes(file, 0, PARTITION_TABLE_SIZE)
}

/** The first bytes of a disk as a machine sees them. */
async function translatedStart(path: string, format: DiskFormat, qemuImg: string, signal: AbortSignal): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'linuxkit-disk-'))
  try {
    const start = join(directory, 'start')
    // A path that begins with a slash is never taken for the name of a protocol.
    const operands = [`if=${resolve(path)}`, `of=${start}`, 'bs=512', `count=${PARTITION_TABLE_SIZE / 512}`]
    await promisify(execFile)(qemuImg, ['dd', '-U', '-f', format, '-O', 'raw', ...operands], { signal })
    return await readFile(start)
  } catch (error) {
    signal.throwIfAborted()
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new LinuxkitError('run/disk', `cannot read the disk ${path}: ${said}`, { cause: error })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
