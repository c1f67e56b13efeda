import { LinuxkitError } from '../../base/errors.js'

export interface RegistryErrorDetails {
  readonly hint?: string | undefined
  readonly cause?: unknown
  readonly retryAfter?: number | undefined
  readonly status?: number | undefined
}

/** A registry did not deliver, or did not take. */
export class RegistryError extends LinuxkitError {
  /** Whether another attempt may succeed. */
  readonly transient: boolean
  /** Milliseconds that the registry wants to be left alone. */
  readonly retryAfter: number
  /** The HTTP status, where it was one that made the failure. */
  readonly status: number | undefined

  constructor(code: string, message: string, transient: boolean, details: RegistryErrorDetails = {}) {
    super(code, message, details)
    this.transient = transient
    this.retryAfter = details.retryAfter ?? 0
    this.status = details.status
  }

  /** The same as one after which there is no further attempt. */
  lasting(): RegistryError {
    const { code, message, hint, status } = this
    return new RegistryError(code, message, false, { hint, status, cause: this.cause })
  }
}

const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

const HINTS: ReadonlyMap<number, string> = new Map([
  [405, 'it may take no images, as mirrors do: leave --mirror and LINUXKIT_MIRROR out to push'],
  [413, 'it, or a proxy before it, refuses layers of this size'],
  [507, 'its disk is full'],
])

/** Milliseconds. Longer than this nobody waits in front of a terminal. */
const LONGEST_WAIT = 60_000

export interface Refusal {
  readonly status: number
  header(name: string): string | undefined
}

/**
 * What a status other than success means to a user. What the registry says in words is left out: it may repeat what it was shown.
 * @param what the image, or a part of it, in the user's words
 * @param shown whether the registry was shown credentials
 */
export function statusError(what: string, host: string, refusal: Refusal, shown = false): RegistryError {
  const { status } = refusal
  if (status === 404) {
    return new RegistryError('registry/not-found', `${host} does not have ${what}`, false, { hint: 'check name and tag', status })
  }
  if (status === 401 || status === 403) {
    return new RegistryError('registry/denied', `${host} does not let you have ${what} (${status})`, false, {
      hint: shown
        ? 'the credentials that it was shown are not accepted, or are not good for this repository'
        : `it may not exist, or you have to log in: docker login ${host}, or --registry-creds ${host}=USER:PASSWORD`,
      status,
    })
  }
  const retryAfter = millisecondsUntil(refusal.header('retry-after'))
  const tooLong = retryAfter > LONGEST_WAIT
  return new RegistryError('registry/status', `${host} answers ${status} for ${what}`, TRANSIENT_STATUSES.has(status) && !tooLong, {
    hint: tooLong ? `it wants to be left alone for ${Math.ceil(retryAfter / 60_000)} minutes` : HINTS.get(status),
    retryAfter,
    status,
  })
}

/** Of a `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3). */
function millisecondsUntil(text: string | undefined): number {
  if (text === undefined) return 0
  const milliseconds = /^\d+$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(milliseconds) ? Math.max(milliseconds, 0) : 0
}

/** Hosts that are not there will not be there in a second either. */
const LASTING: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'EPROTO'])
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)/

function hintOf(code: string): string {
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) return 'it may not speak TLS: a mirror may be named with http:// as well'
  return 'check the network and the proxy, or name a mirror with --mirror'
}

/** What a failed connection means to a user. Names such as ECONNREFUSED are what people search for. */
export function connectionError(what: string, host: string, error: unknown): RegistryError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = code || (error instanceof Error ? error.message : String(error))
  const untrusted = CERTIFICATE.test(code)
  const transient = !LASTING.has(code) && !untrusted && !code.startsWith('ERR_SSL')
  return new RegistryError('registry/unreachable', `${host} cannot be reached for ${what} (${reason})`, transient, {
    hint: untrusted ? 'name the certificate of its authority with --cert-file' : hintOf(code),
    cause: error,
  })
}
