import { join } from 'node:path'
import { lock } from 'proper-lockfile'
import { LinuxkitError } from '../base/errors.js'

/**
 * Runs `action` while no other process, nor another caller in this one, runs one for the same directory.
 * The lock of a killed process is taken over after ten seconds without a sign of life.
 * @param action is handed a check to be called right before it publishes its result: it throws when the lock was lost meanwhile,
 *   which happens to a process that was suspended for longer than that
 * @throws {LinuxkitError} `cache/locked` after half a minute of waiting
 */
export async function withLock<T>(directory: string, action: (assertHeld: () => void) => Promise<T>): Promise<T> {
  const lockfilePath = join(directory, '.index.lock')
  let lost: Error | undefined
  const release = await lock(directory, {
    lockfilePath,
    retries: { retries: 120, factor: 1.3, minTimeout: 5, maxTimeout: 250, randomize: true },
    onCompromised: (error) => {
      lost = error
    },
  }).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code !== 'ELOCKED') throw cause
    throw new LinuxkitError('cache/locked', `another process has been holding the image cache ${directory} for too long`, {
      hint: `wait for it, or remove ${lockfilePath} when no linuxkit is running`,
      cause,
    })
  })
  const assertHeld = (): void => {
    if (lost !== undefined)
      throw new LinuxkitError('cache/locked', `lost the lock of the image cache ${directory}`, { hint: 'try again', cause: lost })
  }
  try {
    return await action(assertHeld)
  } finally {
    if (lost === undefined) await release()
  }
}
