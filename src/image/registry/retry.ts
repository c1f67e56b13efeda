import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from '../../base/progress.js'
import { RegistryError } from './errors.js'

export interface RetryOptions {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Milliseconds before the first repetition; each further one waits twice as long. */
  readonly retryDelay?: number | undefined
}

const ATTEMPTS = 4
/** Milliseconds of waiting that a user wants to know the reason of. */
const NOTEWORTHY = 5000

/** Repeats what fails for a reason that may pass. */
export async function retrying<Result>(options: RetryOptions, attempt: () => Promise<Result>): Promise<Result> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt()
    } catch (error) {
      await pause(error, failures, options)
    }
  }
}

/** Waits before the next attempt, or throws when there shall be none. @param failures how many there were in a row */
export async function pause(error: unknown, failures: number, { progress, signal, retryDelay = 500 }: RetryOptions): Promise<void> {
  signal.throwIfAborted()
  if (!(error instanceof RegistryError) || !error.transient) throw error
  // Whoever repeats the whole of which this was a part shall not begin anew.
  if (failures >= ATTEMPTS) throw error.lasting()
  const milliseconds = Math.max(retryDelay * 2 ** (failures - 1), error.retryAfter)
  if (milliseconds >= NOTEWORTHY)
    progress({ type: 'info', message: `${error.message}; trying again in ${Math.ceil(milliseconds / 1000)} seconds` })
  await sleep(milliseconds, undefined, { signal })
}
