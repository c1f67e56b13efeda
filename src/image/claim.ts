import { randomBytes } from 'node:crypto'
import { open, readFile, readlink, rm, utimes, type FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { JsonNode } from './json-node.js'

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
/** Milliseconds after which a process that cannot be asked for (of another machine or container) counts as gone. */
const SILENT_AFTER = 20_000

/** Creates the file. @returns undefined when there is one already */
export async function claim(path: string): Promise<Claim | undefined> {
  const key = randomBytes(8).toString('hex')
  // Who kills this process before it has written into the file leaves one that only time makes stale; that is a matter of microseconds.
  const file = await open(path, 'wx', 0o644).catch((error: unknown) => {
    if (!isSystemError(error, 'EEXIST')) throw error
  })
  if (file === undefined) return undefined
  try {
    const owner: Owner = { key, machine: await machine(), process: process.pid }
    await file.writeFile(JSON.stringify(owner))
  } finally {
    await file.close()
  }
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
    const owner = await readOwner(file, path)
    if (owner === undefined) return { key: `${ino}-${Math.trunc(mtimeMs)}`, gone: silent }
    const isNeighbour = owner.machine === (await machine())
    return { key: owner.key, gone: silent || (isNeighbour && !isRunning(owner.process)) }
  } finally {
    await file.close()
  }
}

interface Owner {
  readonly key: string
  readonly machine: string
  readonly process: number
}

/** @returns undefined when the file is not written yet, or is something else */
async function readOwner(file: FileHandle, path: string): Promise<Owner | undefined> {
  try {
    const node = JsonNode.parse(await file.readFile('utf8'), path)
    return { key: node.get('key').string(), machine: node.get('machine').string(), process: node.get('process').count() }
  } catch (error) {
    if (error instanceof LinuxkitError || isSystemError(error, 'EISDIR')) return undefined
    throw error
  }
}

function isRunning(number: number): boolean {
  try {
    return process.kill(number, 0)
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    return isSystemError(error, 'EPERM')
  }
}

let machineText: Promise<string> | undefined

/** What process numbers mean the same in: a machine since it was booted, or a container of it (Linux, pid_namespaces(7)). */
function machine(): Promise<string> {
  machineText ??= Promise.all([readFile('/proc/sys/kernel/random/boot_id', 'utf8'), readlink('/proc/self/ns/pid')])
    .then(([boot, namespace]) => `${boot.trim()} ${namespace}`)
    .catch(() => hostname())
  return machineText
}
