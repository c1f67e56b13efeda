import { LinuxkitError } from '../../base/errors.js'

/** A registry did not deliver. */
export class RegistryError extends LinuxkitError {
  /** Whether another attempt may succeed. */
  readonly transient: boolean
  /** Milliseconds that the registry wants to be left alone. */
  readonly retryAfter: number

  constructor(code: string, message: string, transient: boolean, details: { hint?: string; cause?: unknown; retryAfter?: number } = {}) {
    super(code, message, details)
    this.transient = transient
    this.retryAfter = details.retryAfter ?? 0
  }
}

const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

/** Longer than this nobody waits in front of a terminal. */
const LONGEST_WAIT = 60_000

/** What a status other than success means to a user. @param what the image, or a part of it, in the user's words */
export function statusError(what: string, host: string, response: Response): RegistryError {
  const { status } = response
  if (status === 404) return new RegistryError('registry/not-found', `${host} does not have ${what}`, false, { hint: 'check name and tag' })
  if (status === 401 || status === 403) {
    return new RegistryError('registry/denied', `${host} does not let you have ${what} (${status})`, false, {
      hint: `it may not exist, or you have to log in: docker login ${host}`,
    })
  }
  const seconds = Number(response.headers.get('retry-after') ?? 0)
  return new RegistryError('registry/status', `${host} answers ${status} for ${what}`, TRANSIENT_STATUSES.has(status), {
    retryAfter: Number.isFinite(seconds) ? Math.min(seconds * 1000, LONGEST_WAIT) : 0,
  })
}

/** fetch() says only "fetch failed"; the reason is in the cause, and names such as ECONNREFUSED are what people search for. */
export function connectionError(what: string, host: string, error: unknown): RegistryError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const reason = code || (cause instanceof Error ? cause.message : String(cause))
  // A host that is not there will not be there in a second either.
  const transient =
    !['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH'].includes(code) && !/certificate|bad port/i.test(reason)
  return new RegistryError('registry/unreachable', `${host} cannot be reached for ${what} (${reason})`, transient, {
    hint: 'check the network, or name a mirror with --mirror',
    cause: error,
  })
}
