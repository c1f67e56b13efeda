import { LinuxkitError } from '../base/errors.js'

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5, micro sign
  μs: 1e-3, // U+03BC, Greek letter mu
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

const PART = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy

/** Node's timers hold a delay in 31 bits and fire at once beyond (Node.js docs, "setTimeout"). */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Reads a length of time as Go writes it (`90s`, `10m`, `1h30m`, `1.5h`; Go's time.ParseDuration), for use as a time limit.
 * @returns milliseconds, at least 1
 * @throws {LinuxkitError} `duration/invalid` for another syntax, and for what is no time limit: zero, negative, beyond 24 days
 */
export function parseDuration(text: string): number {
  let milliseconds = 0
  let end = 0
  for (const match of text.matchAll(PART)) {
    milliseconds += Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0)
    end += match[0].length
  }
  if (text === '' || end !== text.length) {
    throw new LinuxkitError('duration/invalid', `"${text}" is not a length of time`, { hint: 'write it like 90s, 10m or 1h30m' })
  }
  if (milliseconds <= 0 || milliseconds > LONGEST_TIMER_MS) {
    throw new LinuxkitError('duration/invalid', `"${text}" cannot be a time limit`, {
      hint: 'use more than zero and at most 24 days (576h)',
    })
  }
  return Math.max(1, Math.round(milliseconds))
}

/** Reads the pattern that ends a run. @throws {LinuxkitError} `run/until` */
export function parseUntil(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new LinuxkitError('run/until', `--until: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
