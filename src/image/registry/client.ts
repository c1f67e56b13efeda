import { setTimeout as sleep } from 'node:timers/promises'
import { readAll } from '../../base/content.js'
import { LinuxkitError } from '../../base/errors.js'
import type { Progress } from '../../base/progress.js'
import type { BlobId } from '../oci.js'
import type { Reference } from '../reference.js'
import { answer } from './authorization.js'
import { parseChallenges } from './challenge.js'
import { findCredentials, type Credentials } from './credentials.js'
import { connectionError, RegistryError, statusError } from './errors.js'
import { endpointOf, type Endpoint, type Mirrors } from './mirrors.js'

export interface RegistryOptions {
  readonly mirrors: Mirrors
  readonly environment: NodeJS.ProcessEnv
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Milliseconds without a byte after which a download is given up. */
  readonly stallTimeout?: number | undefined
  /** Milliseconds before the first repetition; each further one waits twice as long. */
  readonly retryDelay?: number | undefined
}

const ATTEMPTS = 4
const MOST_REDIRECTS = 5
/** Registries refuse larger manifests too (OCI distribution-spec, "Pushing Manifests"). */
const MANIFEST_LIMIT = 4 << 20

const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

export interface RemoteManifest {
  readonly bytes: Buffer
  readonly mediaType: string
}

/** Reads images from registries (OCI distribution-spec v1.1, "Pull"). */
export class RegistryClient {
  readonly #options: RegistryOptions
  readonly #authorizations = new Map<string, string>()
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>()

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  /** The host that an image is asked for at, for messages. */
  hostOf(reference: Reference): string {
    return new URL(endpointOf(reference, this.#options.mirrors).base).host
  }

  /**
   * A manifest or index; its digest is for the caller to verify.
   * @param identifier tag or digest; by default what the reference says
   * @throws {RegistryError}
   */
  manifest(reference: Reference, identifier?: string): Promise<RemoteManifest> {
    const endpoint = endpointOf(reference, this.#options.mirrors)
    const path = `manifests/${identifier ?? endpoint.identifier}`
    return this.#retrying(async () => {
      const response = await this.#request(reference, endpoint, path, { accept: MANIFEST_TYPES })
      const bytes = await readAll(this.#body(reference, endpoint, response), MANIFEST_LIMIT).catch((error: unknown) => {
        throw error instanceof RangeError
          ? new RegistryError('registry/too-large', `the manifest of ${reference.text} is too large`, false)
          : error
      })
      return { bytes, mediaType: response.headers.get('content-type')?.split(';')[0]?.trim() ?? '' }
    })
  }

  /**
   * A blob as it comes; a connection that breaks off is taken up where it broke. Digest and size are for the caller to verify.
   * @throws {RegistryError} when reading
   */
  async *blob(reference: Reference, { digest, size }: BlobId): AsyncIterable<Uint8Array> {
    const endpoint = endpointOf(reference, this.#options.mirrors)
    let done = 0
    for (let failures = 0; ;) {
      try {
        const headers: Record<string, string> = done === 0 ? {} : { range: `bytes=${done}-` }
        const response = await this.#request(reference, endpoint, `blobs/${digest}`, headers)
        // A server that does not know ranges begins anew.
        let skip = response.status === 206 ? 0 : done
        for await (const chunk of this.#body(reference, endpoint, response)) {
          const fresh = chunk.subarray(Math.min(skip, chunk.length))
          skip -= chunk.length - fresh.length
          if (fresh.length === 0) continue
          done += fresh.length
          failures = 0
          yield fresh
        }
        if (done >= size) return
        throw new RegistryError(
          'registry/cut-off',
          `${new URL(endpoint.base).host} sends only ${done} of ${size} bytes of ${reference.text}`,
          true,
        )
      } catch (error) {
        failures += 1
        await this.#pause(error, failures)
      }
    }
  }

  async #retrying<Result>(attempt: () => Promise<Result>): Promise<Result> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await attempt()
      } catch (error) {
        await this.#pause(error, failures)
      }
    }
  }

  /** Waits before the next attempt, or throws when there shall be none. */
  async #pause(error: unknown, failures: number): Promise<void> {
    const { signal, retryDelay = 500 } = this.#options
    signal.throwIfAborted()
    if (!(error instanceof RegistryError) || !error.transient || failures >= ATTEMPTS) throw error
    await sleep(Math.max(retryDelay * 2 ** (failures - 1), error.retryAfter), undefined, { signal })
  }

  /** The bytes of an answer, with an eye on the clock. */
  async *#body(reference: Reference, endpoint: Endpoint, response: Response): AsyncIterable<Uint8Array> {
    const { stallTimeout = 60_000, signal } = this.#options
    const host = new URL(endpoint.base).host
    const reader = response.body?.getReader()
    if (reader === undefined) return
    try {
      for (;;) {
        const timer = new AbortController()
        const stalled = sleep(stallTimeout, 'stalled' as const, { signal: AbortSignal.any([signal, timer.signal]) })
        stalled.catch(() => {})
        const next = await Promise.race([reader.read(), stalled]).finally(() => timer.abort())
        if (next === 'stalled')
          throw new RegistryError(
            'registry/stalled',
            `no data of ${reference.text} came from ${host} for ${stallTimeout / 1000} seconds`,
            true,
          )
        if (next.done) return
        yield next.value
      }
    } catch (error) {
      signal.throwIfAborted()
      throw error instanceof LinuxkitError ? error : connectionError(reference.text, host, error)
    } finally {
      await reader.cancel().catch(() => {})
    }
  }

  /** Asks, answers a challenge once, and follows redirects, which never see what the registry was shown. */
  async #request(reference: Reference, endpoint: Endpoint, path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    const url = new URL(`${endpoint.base}/v2/${endpoint.repository}/${path}`)
    const key = `${url.host}/${endpoint.repository}`
    let response = await this.#fetch(reference, url, { ...headers, ...this.#authorizationHeader(key) })
    if (response.status === 401) {
      const challenges = parseChallenges(response.headers.get('www-authenticate') ?? '')
      await response.body?.cancel()
      const scope = `repository:${endpoint.repository}:pull`
      const credentials = await this.#credentialsFor(endpoint, reference)
      const authorization = await answer(challenges, scope, url, credentials, this.#options.signal)
      if (authorization !== undefined) {
        this.#authorizations.set(key, authorization)
        response = await this.#fetch(reference, url, { ...headers, authorization })
      }
    }
    if (response.ok) return response
    await response.body?.cancel().catch(() => {})
    throw statusError(reference.text, url.host, response)
  }

  #authorizationHeader(key: string): Record<string, string> {
    const authorization = this.#authorizations.get(key)
    return authorization === undefined ? {} : { authorization }
  }

  async #fetch(reference: Reference, start: URL, headers: Readonly<Record<string, string>>): Promise<Response> {
    let url = start
    let shown: Readonly<Record<string, string>> = headers
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const response = await this.#fetchOnce(reference, url, shown)
      const location = response.headers.get('location')
      if (response.status < 300 || response.status >= 400 || location === null) return response
      await response.body?.cancel()
      const next = new URL(location, url)
      if (url.protocol === 'https:' && next.protocol !== 'https:') {
        throw new RegistryError('registry/redirect', `${url.host} redirects ${reference.text} to the unencrypted ${next.host}`, false)
      }
      if (next.host !== url.host) shown = Object.fromEntries(Object.entries(shown).filter(([name]) => name !== 'authorization'))
      url = next
    }
    throw new RegistryError('registry/redirect', `${start.host} redirects ${reference.text} too often`, false)
  }

  async #fetchOnce(reference: Reference, url: URL, headers: Readonly<Record<string, string>>): Promise<Response> {
    const { signal, stallTimeout = 60_000 } = this.#options
    const stalled = new AbortController()
    const timer = setTimeout(() => stalled.abort(), stallTimeout)
    try {
      return await fetch(url, {
        redirect: 'manual',
        headers: { 'accept-encoding': 'identity', ...headers },
        signal: AbortSignal.any([signal, stalled.signal]),
      })
    } catch (error) {
      signal.throwIfAborted()
      if (stalled.signal.aborted)
        throw new RegistryError('registry/stalled', `${url.host} does not answer for ${reference.text}`, true, { cause: error })
      throw connectionError(reference.text, url.host, error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** A helper that fails must not stand in the way of public images, so it is a warning. */
  #credentialsFor(endpoint: Endpoint, { registry }: Reference): Promise<Credentials | undefined> {
    const { host } = new URL(endpoint.base)
    const name = host.endsWith('.docker.io') ? 'docker.io' : host
    const found =
      this.#credentials.get(name) ??
      findCredentials(name, this.#options.environment, this.#options.signal).catch((error: unknown) => {
        if (!(error instanceof LinuxkitError)) throw error
        const hint = error.hint === undefined ? '' : ` (${error.hint})`
        this.#options.progress({ type: 'warning', message: `${registry}: ${error.message}${hint}; trying without credentials` })
        return undefined
      })
    this.#credentials.set(name, found)
    return found
  }
}
