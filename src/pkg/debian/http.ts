import { setTimeout as sleep } from 'node:timers/promises'
import { readAll } from '../../base/content.js'
import { LinuxkitError } from '../../base/errors.js'

export interface RequestOptions {
  readonly signal: AbortSignal
  /** Milliseconds without a byte after which a download is given up. */
  readonly stallTimeout: number
  /** Milliseconds before the first repetition; each further one waits twice as long. */
  readonly retryDelay: number
}

export const REQUEST_DEFAULTS = { stallTimeout: 60_000, retryDelay: 500 }

const ATTEMPTS = 4

/** The mirror did not deliver. */
export class MirrorError extends LinuxkitError {
  /** Whether another attempt may succeed at once; others need the user or time. */
  readonly transient: boolean

  constructor(code: string, message: string, transient: boolean, details: { hint?: string; cause?: unknown } = {}) {
    super(code, message, details)
    this.transient = transient
  }

  /** True when the mirror has no such file, in contrast to one that cannot be asked. */
  get notFound(): boolean {
    return this.code === 'debian/not-found'
  }
}

/**
 * The bytes behind a URL, as they come.
 * @throws {MirrorError} `debian/not-found`, `debian/http-status`, `debian/stalled`, `debian/unreachable`, `debian/interrupted`
 */
export async function* get(url: string, options: RequestOptions): AsyncIterable<Uint8Array> {
  const stalled = new AbortController()
  const timer = setTimeout(() => stalled.abort(), options.stallTimeout)
  let connected = false
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([options.signal, stalled.signal]),
      // What is a .gz by itself must not be taken for an encoding of the transfer.
      headers: { 'accept-encoding': 'identity' },
    })
    connected = true
    if (!response.ok) {
      await response.body?.cancel()
      throw statusError(url, response.status)
    }
    for await (const chunk of response.body ?? []) {
      timer.refresh()
      yield chunk
    }
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof LinuxkitError) throw error
    if (stalled.signal.aborted) {
      throw new MirrorError('debian/stalled', `no data came from ${url} for ${options.stallTimeout / 1000} seconds`, false, {
        cause: error,
      })
    }
    throw connectionError(url, error, connected)
  } finally {
    clearTimeout(timer)
  }
}

function statusError(url: string, status: number): MirrorError {
  if (status === 404 || status === 410) {
    return new MirrorError('debian/not-found', `the mirror does not have ${url}`, false, {
      hint: 'it may be in the middle of an update: try again in some minutes, or use another mirror',
    })
  }
  return new MirrorError('debian/http-status', `the mirror answered ${status} for ${url}`, status >= 500 || status === 429)
}

/** fetch() says only "fetch failed"; the reason is in the cause, and names such as ECONNREFUSED are what people search for. */
function connectionError(url: string, error: unknown, connected: boolean): MirrorError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const reason = code || (cause instanceof Error ? cause.message : String(cause))
  // A connection that broke off may hold the next time; a host that is not there will not be there in a second either.
  const transient = connected || ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT'].includes(code)
  return connected
    ? new MirrorError('debian/interrupted', `the download of ${url} broke off (${reason})`, transient, { cause: error })
    : new MirrorError('debian/unreachable', `the mirror cannot be reached for ${url} (${reason})`, transient, {
        hint: 'check the network and the URL of the mirror',
        cause: error,
      })
}

/** Repeats what failed for a reason that may pass: connection resets, 5xx and 429. A stall has taken long enough by itself. */
export async function retrying<Result>(attempt: () => Promise<Result>, { signal, retryDelay }: RequestOptions): Promise<Result> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof MirrorError) || !error.transient || count === ATTEMPTS) throw error
      await sleep(retryDelay * 2 ** (count - 1), undefined, { signal })
    }
  }
}

/**
 * A whole file of at most `limit` bytes.
 * @throws {MirrorError} as {@link get}, and `debian/too-large`
 */
export function getAll(url: string, limit: number, options: RequestOptions): Promise<Buffer> {
  return retrying(async () => {
    try {
      return await readAll(get(url, options), limit)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new MirrorError('debian/too-large', `${url} is larger than the ${limit} bytes that were expected`, false)
    }
  }, options)
}
