import type { Content } from '../../base/content.js'
import { LinuxkitError } from '../../base/errors.js'
import type { Reference } from '../reference.js'
import { answer } from './authorization.js'
import { parseChallenges } from './challenge.js'
import type { Credentials } from './credentials.js'
import { RegistryError, statusError } from './errors.js'
import { endpointOf, registryName, type Endpoint, type Mirrors } from './mirrors.js'
import { findCredentials } from './stored-credentials.js'
import { retrying, type RetryOptions } from './retry.js'
import type { Headers, HttpRequest, HttpResponse, Transport, TransportOptions } from './transport.js'

export interface RegistryOptions extends TransportOptions, RetryOptions {
  readonly mirrors: Mirrors
  /** By registry; before what `docker login` has stored. */
  readonly credentials?: ReadonlyMap<string, Credentials> | undefined
}

/** What is asked about one repository. */
export interface Question {
  readonly method: HttpRequest['method']
  /** What follows `/v2/<repository>/`, or a URL that the registry has named. */
  readonly to: string | URL
  /** What for: a registry may let read but not write. */
  readonly access: 'pull' | 'pull,push'
  /** Another repository of the registry that is read as well. */
  readonly source?: string | undefined
  readonly headers?: Headers | undefined
  readonly body?: Content | undefined
  readonly patience?: number | undefined
}

const MOST_REDIRECTS = 5

/** Asks registries: shows them credentials and no one else, and follows redirects (OCI distribution-spec v1.1). */
export class RegistrySession {
  readonly options: RegistryOptions
  #transport: Promise<Transport> | undefined
  readonly #authorizations = new Map<string, string>()
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>()

  constructor(options: RegistryOptions) {
    this.options = options
  }

  endpoint(reference: Reference): Endpoint {
    return endpointOf(reference, this.options.mirrors)
  }

  retrying<Result>(attempt: () => Promise<Result>): Promise<Result> {
    return retrying(this.options, attempt)
  }

  /**
   * Asks once, and once more with an answer to the challenge if there is one.
   * @returns an answer with a status of success
   * @throws {RegistryError}
   */
  async ask(reference: Reference, question: Question): Promise<HttpResponse> {
    const endpoint = this.endpoint(reference)
    const registry = new URL(endpoint.base)
    const url = typeof question.to === 'string' ? new URL(`${endpoint.base}/v2/${endpoint.repository}/${question.to}`) : question.to
    const request: HttpRequest = { ...question, url, headers: question.headers ?? {}, what: reference.text }
    const own = url.origin === registry.origin
    const scopes = [`repository:${endpoint.repository}:${question.access}`]
    if (question.source !== undefined) scopes.push(`repository:${question.source}:pull`)
    const key = [registry.host, ...scopes].join(' ')

    let authorization = own ? this.#authorizations.get(key) : undefined
    let response = await this.#follow(request, authorization)
    if (response.status === 401 && own) {
      await response.drop()
      const credentials = await this.#credentialsFor(endpoint, reference)
      const challenges = parseChallenges(response.header('www-authenticate') ?? '')
      authorization = await answer(challenges, { scopes, registry, credentials, transport: await this.#connect() })
      if (authorization !== undefined) {
        response = await this.#follow(request, authorization)
        // What is refused at once will not be accepted later.
        if (response.status !== 401) this.#authorizations.set(key, authorization)
      }
    }
    if (response.status >= 200 && response.status < 300) return response
    await response.drop()
    const shown = authorization !== undefined && (await this.#credentialsFor(endpoint, reference)) !== undefined
    throw statusError(reference.text, url.host, response, shown)
  }

  /** Loading HTTP and TLS takes time that a build with all of its images in the cache is spared. */
  #connect(): Promise<Transport> {
    this.#transport ??= import('./transport.js').then(({ Transport }) => new Transport(this.options))
    return this.#transport
  }

  /** Follows redirects, none of which sees what the registry was shown. */
  async #follow(request: HttpRequest, authorization: string | undefined): Promise<HttpResponse> {
    const { what, url: start } = request
    const transport = await this.#connect()
    let url = start
    let headers = authorization === undefined ? request.headers : { ...request.headers, authorization }
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const response = await transport.send({ ...request, url, headers })
      const location = response.header('location')
      if (response.status < 300 || response.status >= 400 || location === undefined) return response
      await response.drop()
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined
      if (next === undefined || !/^https?:$/.test(next.protocol)) {
        throw new RegistryError('registry/redirect', `${url.host} redirects ${what} to nowhere`, false)
      }
      if (url.protocol === 'https:' && next.protocol !== 'https:') {
        throw new RegistryError('registry/redirect', `${url.host} redirects ${what} to the unencrypted ${next.host}`, false)
      }
      if (next.origin !== url.origin) headers = request.headers
      url = next
    }
    throw new RegistryError('registry/redirect', `${start.host} redirects ${what} too often`, false)
  }

  /** A helper that fails must not stand in the way of public images, so it is a warning. */
  #credentialsFor(endpoint: Endpoint, { registry }: Reference): Promise<Credentials | undefined> {
    const name = registryName(new URL(endpoint.base).host)
    const { credentials, environment, progress, signal } = this.options
    const given = credentials?.get(name)
    if (given !== undefined) return Promise.resolve(given)
    const key = `${name}/${endpoint.repository}`
    const found =
      this.#credentials.get(key) ??
      findCredentials(name, endpoint.repository, environment, signal).catch((error: unknown) => {
        if (!(error instanceof LinuxkitError)) throw error
        const hint = error.hint === undefined ? '' : ` (${error.hint})`
        progress({ type: 'warning', message: `${registry}: ${error.message}${hint}; trying without credentials` })
        return undefined
      })
    this.#credentials.set(key, found)
    return found
  }
}
