import { randomBytes } from 'node:crypto'
import { constants, copyFile, link, open, rm, utimes, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isSystemError } from './errors.js'
import { temporaryName } from './files.js'
import { isRunning, machineName, startOf } from './machine.js'

/**
 * A file that says which process has something, and that it still lives: its time is renewed while the process runs.
 * Files are used because Node knows no lock of the operating system, and because they work between containers that share a directory.
 */
export interface Claim {
  /** Whether nobody has taken it away, which happens to a process that was suspended for long. */
  isHeld(): Promise<boolean>
  release(): Promise<void>
}

export interface Claimant {
  /** Tells this claim from every other under the same path. */
  readonly key: string
  /** The process is gone, or has given no sign of life for long. */
  readonly gone: boolean
}

const RENEWED_EVERY = 3000
/** Milliseconds after which a process of which nothing is known (of another machine or container) counts as gone. */
const SILENT_AFTER = 20_000

/** Creates the file. @returns undefined when there is one already */
export async function claim(path: string): Promise<Claim | undefined> {
  const key = randomBytes(8).toString('hex')
  const owner: Owner = { key, machine: machineName(), process: process.pid, started: startOf(process.pid) }
  if (!(await create(path, join(dirname(path), temporaryName()), JSON.stringify(owner)))) return undefined
  const renewal = setInterval(() => {
    const now = new Date()
    // A renewal that fails is one that is missed: others judge by the time of the file.
    utimes(path, now, now).catch(() => {})
  }, RENEWED_EVERY)
  renewal.unref()
  const isHeld = async (): Promise<boolean> => (await claimantOf(path))?.key === key
  return {
    isHeld,
    async release() {
      clearInterval(renewal)
      if (await isHeld()) await rm(path, { force: true })
    },
  }
}

/** With its content at once: whoever kills this process leaves a whole file, or none. @returns false when there is one already */
async function create(path: string, temporary: string, text: string): Promise<boolean> {
  await writeFile(temporary, text, { flag: 'wx' })
  try {
    await link(temporary, path).catch(async (error: unknown) => {
      // FAT has no hard links. There the content comes a moment later than the file, and only time makes stale what is killed in between.
      if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].some((code) => isSystemError(error, code))) throw error
      await copyFile(temporary, path, constants.COPYFILE_EXCL)
    })
    return true
  } catch (error) {
    // The temporary file may have been taken for one that a killed process has left.
    if (isSystemError(error, 'EEXIST') || isSystemError(error, 'ENOENT')) return false
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Who has the file; undefined when there is none. */
export async function claimantOf(path: string): Promise<Claimant | undefined> {
  // Time and text have to be of one file, not of one and its successor.
  const file = await open(path, 'r').catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error
  })
  if (file === undefined) return undefined
  try {
    const { ino, mtimeMs } = await file.stat()
    const silent = Date.now() - mtimeMs > SILENT_AFTER
    const owner = await readOwner(file)
    if (owner === undefined) return { key: `${ino}-${Math.trunc(mtimeMs)}`, gone: silent }
    if (owner.machine !== machineName()) return { key: owner.key, gone: silent }
    if (!isRunning(owner.process)) return { key: owner.key, gone: true }
    // A number may have been given to another process since. Where that can be told, a process that is suspended or gets no processor is not taken for gone.
    const started = startOf(owner.process)
    return { key: owner.key, gone: started === '' ? silent : started !== owner.started }
  } finally {
    await file.close()
  }
}

interface Owner {
  readonly key: string
  readonly machine: string
  readonly process: number
  /** See {@link startOf}. */
  readonly started: string
}

/** @returns undefined when the file is not written yet, or is something else */
async function readOwner(file: FileHandle): Promise<Owner | undefined> {
  try {
    const { key, machine, process, started } = JSON.parse(await file.readFile('utf8')) as Partial<Owner>
    if (key === undefined || machine === undefined || process === undefined || started === undefined) return undefined
    return { key, machine, process, started }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || isSystemError(error, 'EISDIR')) return undefined
    throw error
  }
}
