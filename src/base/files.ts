import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isSystemError } from './errors.js'
import { isRunning, machineName, startOf } from './machine.js'

/** A file that does not exist under its name before it is complete. */
export interface AtomicFile extends AsyncDisposable {
  /** Where the bytes are written meanwhile. */
  readonly temporaryPath: string
  write(chunk: Uint8Array): Promise<void>
  /** Writes a stream to its end. */
  writeAll(source: AsyncIterable<Uint8Array>): Promise<void>
  /** Gives the file its name, after flushing it to disk if so wanted. Without it, disposal removes what was written. */
  commit(): Promise<void>
}

/** Names of unfinished files begin with this, so that what a killed process left behind can be told from the rest. */
export const TEMPORARY_PREFIX = '.tmp-'

/** The machine, in a few characters; a directory may be shared by several. */
function machineTag(): string {
  return createHash('sha256').update(machineName()).digest('hex').slice(0, 8)
}

let ownPrefix: string | undefined

/** A name for an unfinished file or directory that no other has, and that tells whose it is. */
export function temporaryName(): string {
  ownPrefix ??= `${TEMPORARY_PREFIX}${machineTag()}-${process.pid}-${startOf(process.pid)}`
  return `${ownPrefix}-${randomBytes(6).toString('hex')}`
}

export interface AtomicOptions {
  /** Permissions; the umask does not cut them. */
  readonly mode?: number
  /**
   * Whether the bytes are on disk before the name is, so that not even a power failure leaves half a file under it. What can be made again, such as the
   * output of a build, is as well off as with `cp`, and is written in a fraction of the time.
   */
  readonly durable?: boolean
}

/**
 * Opens a file for writing under a temporary name in the directory of `path`, which is created when missing.
 * Rename within one directory is atomic (POSIX rename), so readers see the old file or the whole new one;
 * of a file that need not be durable they see, for a moment, none.
 */
export async function openAtomic(path: string, { mode = 0o644, durable = true }: AtomicOptions = {}): Promise<AtomicFile> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true })
  const temporaryPath = join(directory, `${temporaryName()}-${basename(path)}`.slice(0, 200))
  const file = await open(temporaryPath, 'wx', mode)
  let open_ = true
  return {
    temporaryPath,
    write: (chunk) => writeWhole(file, [chunk]),
    async writeAll(source) {
      await writeStream(file, source)
    },
    async commit() {
      // The mode given to open(2) is cut by the umask, and outputs must not depend on it.
      await file.chmod(mode)
      if (durable) await file.sync()
      open_ = false
      await file.close()
      if (!durable) await removeReplaced(path)
      await rename(temporaryPath, path)
    },
    async [Symbol.asyncDispose]() {
      if (open_) await file.close()
      await unlink(temporaryPath).catch((error: unknown) => {
        if (!isSystemError(error, 'ENOENT')) throw error
      })
    },
  }
}

/**
 * Takes away the file that is about to be replaced. ext4 writes a file to disk before it renames it over another one (ext4(5), auto_da_alloc), which takes longer than
 * everything else; where nothing is replaced it does not.
 */
async function removeReplaced(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error
  })
}

/** Writes a whole file atomically; `data` may be a stream, which is written as it comes. */
export async function writeAtomic(
  path: string,
  data: AsyncIterable<Uint8Array> | Uint8Array | string,
  options: AtomicOptions = {},
): Promise<void> {
  await using file = await openAtomic(path, options)
  if (typeof data === 'string') await file.write(Buffer.from(data, 'utf8'))
  else if (data instanceof Uint8Array) await file.write(data)
  else await file.writeAll(data)
  await file.commit()
}

/** Small pieces are gathered before they go to the kernel, as headers of archives are a hundred bytes each. IOV_MAX is 1024 (limits.h). */
const GATHERED_BYTES = 1 << 20
const GATHERED_PIECES = 1024

/** Appends a stream to a file. While one batch is being written the next one is read, so chunks must not be changed after they were given out. @returns its size in bytes */
export async function writeStream(file: FileHandle, source: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0
  let pieces: Uint8Array[] = []
  let gathered = 0
  let writing: Promise<void> = Promise.resolve()
  try {
    for await (const chunk of source) {
      size += chunk.length
      gathered += chunk.length
      pieces.push(chunk)
      if (gathered < GATHERED_BYTES && pieces.length < GATHERED_PIECES) continue
      await writing
      writing = writeWhole(file, pieces)
      // Awaited before the next batch; until then a failure must not count as unhandled.
      writing.catch(() => {})
      pieces = []
      gathered = 0
    }
  } finally {
    await writing
  }
  await writeWhole(file, pieces)
  return size
}

/** Appends all of the pieces; a write may end early, as on a disk that becomes full. */
async function writeWhole(file: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  for (let left = pieces.filter(({ length }) => length > 0); left.length > 0;) {
    let { bytesWritten } = await file.writev(left)
    while (left[0] !== undefined && bytesWritten >= left[0].length) {
      bytesWritten -= left[0].length
      left = left.slice(1)
    }
    if (left[0] !== undefined) left = [left[0].subarray(bytesWritten), ...left.slice(1)]
  }
}

/**
 * Removes what killed processes have left unfinished: at once when they ran on this machine, else when it is older than so many milliseconds.
 */
export async function sweepTemporaries(directory: string, olderThanMs = 24 * 3600 * 1000): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue
    const path = join(directory, name)
    const status = await stat(path).catch(() => undefined)
    if (status === undefined) continue
    const [machine, pid, started] = name.slice(TEMPORARY_PREFIX.length).split('-')
    const orphaned = machine === machineTag() && !isRunningSince(Number(pid), started)
    if (orphaned || Date.now() - status.mtimeMs > olderThanMs) await rm(path, { force: true, recursive: true })
  }
}

function isRunningSince(pid: number, started: string | undefined): boolean {
  if (!isRunning(pid)) return false
  const start = startOf(pid)
  return start === '' || start === started
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
