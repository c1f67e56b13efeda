import { randomBytes } from 'node:crypto'
import { link, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSystemError } from './errors.js'
import { isAlive, temporaryName } from './files.js'

/** A claim shows this often, in milliseconds, that its owner is alive, and is taken for abandoned after so long without a sign. */
const SIGN_OF_LIFE = 10_000
const ABANDONED = 30_000

/** Other processes are no source of events, so they are looked at this often, in milliseconds. */
const PATIENCE = 25

/**
 * Claims a piece of work that several processes would do, by a file that tells who does it. The claim of a process that is gone counts for nothing.
 * Two can come to hold one claim in rare cases (one is suspended, or two take over at the same moment), so it saves work and protects nothing.
 * @returns what gives the claim back; undefined while somebody else has it
 */
export async function claim(path: string): Promise<AsyncDisposable | undefined> {
  const mine = JSON.stringify({ host: hostname(), pid: process.pid, token: randomBytes(8).toString('hex') })
  const draft = join(dirname(path), temporaryName())
  await writeFile(draft, mine, { flag: 'wx' })
  try {
    // The name appears with the text in it.
    while (!(await linked(draft, path))) {
      if (!(await isAbandoned(path))) return undefined
      await rm(path, { force: true })
    }
  } finally {
    await rm(draft, { force: true })
  }
  const signs = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), SIGN_OF_LIFE)
  signs.unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(signs)
      if ((await readFile(path, 'utf8').catch(() => '')) === mine) await rm(path, { force: true })
    },
  }
}

/** Waits until a claim has been given back, or its owner is gone. */
export async function claimEnded(path: string, signal: AbortSignal): Promise<void> {
  while (!(await isAbandoned(path))) await sleep(PATIENCE, undefined, { signal })
}

/** Removes a claim whose owner is gone. */
export async function sweepClaim(path: string): Promise<void> {
  if (await isAbandoned(path)) await rm(path, { force: true })
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false
    throw error
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined)
  if (status === undefined || Date.now() - status.mtimeMs > ABANDONED) return true
  const owner = parse(await readFile(path, 'utf8').catch(() => ''))
  return owner === undefined || (owner.host === hostname() && !isAlive(owner.pid))
}

function parse(text: string): { readonly host: string; readonly pid: number } | undefined {
  try {
    return JSON.parse(text) as { host: string; pid: number }
  } catch {
    return undefined
  }
}
