import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isSystemError } from './errors.js'

/** A file that does not exist under its name before it is complete. */
export interface AtomicFile extends AsyncDisposable {
  /** Where the bytes are written meanwhile. */
  readonly temporaryPath: string
  write(chunk: Uint8Array): Promise<void>
  /** Flushes to disk and gives the file its name. Without it, disposal removes what was written. */
  commit(): Promise<void>
}

/** Names of unfinished files begin with this, so that what a killed process left behind can be told from the rest. */
export const TEMPORARY_PREFIX = '.tmp-'

/**
 * Opens a file for writing under a temporary name in the directory of `path`, which is created when missing.
 * Rename within one directory is atomic (POSIX rename), so readers see the old file or the whole new one.
 */
export async function openAtomic(path: string, mode = 0o644): Promise<AtomicFile> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true })
  const temporaryPath = join(
    directory,
    `${TEMPORARY_PREFIX}${process.pid}-${randomBytes(6).toString('hex')}-${basename(path)}`.slice(0, directory.length + 200),
  )
  const file = await open(temporaryPath, 'wx', mode)
  let open_ = true
  return {
    temporaryPath,
    async write(chunk) {
      let done = 0
      while (done < chunk.length) done += (await file.write(chunk, done, chunk.length - done)).bytesWritten
    },
    async commit() {
      // The mode given to open(2) is cut by the umask, and outputs must not depend on it.
      await file.chmod(mode)
      await file.sync()
      open_ = false
      await file.close()
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

/** Writes a whole file atomically; `data` may be a stream, which is written as it comes. */
export async function writeAtomic(path: string, data: AsyncIterable<Uint8Array> | Uint8Array | string, mode = 0o644): Promise<void> {
  await using file = await openAtomic(path, mode)
  if (typeof data === 'string') await file.write(Buffer.from(data, 'utf8'))
  else if (data instanceof Uint8Array) await file.write(data)
  else for await (const chunk of data) await file.write(chunk)
  await file.commit()
}

/** Removes unfinished files of processes that are gone, when they are older than a day. */
export async function sweepTemporaries(directory: string, olderThanMs = 24 * 3600 * 1000): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue
    const path = join(directory, name)
    const status = await stat(path).catch(() => undefined)
    if (status !== undefined && Date.now() - status.mtimeMs > olderThanMs) await rm(path, { force: true, recursive: true })
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
