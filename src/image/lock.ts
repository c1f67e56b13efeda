import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LinuxkitError } from '../base/errors.js'
import { TEMPORARY_PREFIX } from '../base/files.js'
import { claim, claimantOf, type Claim } from '../base/claim.js'

/** Milliseconds. Nobody has the lock for longer than a collection of garbage takes. */
const LONGEST_WAIT = 60_000

/**
 * Runs `action` while no other process, nor another caller in this one, runs one for the same directory.
 * The lock of a process that was killed is taken over at once; on another machine or in another container, after some seconds without a sign of life.
 * @param action is handed a check to be called right before it publishes its result: it throws when the lock was lost meanwhile,
 *   which happens to a process that was suspended for longer than that
 * @throws {LinuxkitError} `cache/locked` after a minute of waiting
 */
export async function withLock<T>(directory: string, action: (assertHeld: () => Promise<void>) => Promise<T>): Promise<T> {
  const path = join(directory, '.index.lock')
  const held = await acquire(path, Date.now() + LONGEST_WAIT)
  const assertHeld = async (): Promise<void> => {
    if (!(await held.isHeld()))
      throw new LinuxkitError('cache/locked', `lost the lock of the image cache ${directory}`, { hint: 'try again' })
  }
  try {
    return await action(assertHeld)
  } finally {
    await held.release()
  }
}

async function acquire(path: string, deadline: number): Promise<Claim> {
  for (;;) {
    const holder = await claimantOf(path)
    if (holder === undefined) {
      const mine = await claim(path)
      if (mine !== undefined) return mine
    } else if (holder.gone) await takeAway(path, holder.key, deadline)
    else if (Date.now() > deadline) {
      throw new LinuxkitError('cache/locked', `another process has been holding the image cache ${dirname(path)} for too long`, {
        hint: `wait for it, or remove ${path} when no linuxkit is running`,
      })
    }
    // Waiters that came at the same time shall not all come back at the same time.
    else await sleep(2 + Math.random() * 20)
  }
}

/**
 * Removes the lock of a holder that is gone. Several processes may have found it so, and the slower of them must not remove the lock that the
 * faster has taken since: so the right to remove the lock of this very holder is a lock as well, and who has it looks again.
 */
async function takeAway(path: string, key: string, deadline: number): Promise<void> {
  const right = await acquire(join(dirname(path), `${TEMPORARY_PREFIX}${basename(path)}-${key}`), deadline)
  try {
    if ((await claimantOf(path))?.key === key) await rm(path, { force: true, recursive: true })
  } finally {
    await right.release()
  }
}
