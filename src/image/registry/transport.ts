import { Agent, request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as requestHttps } from 'node:https'
import { Readable } from 'node:stream'
import { readAll, type Content } from '../../base/content.js'
import { LinuxkitError } from '../../base/errors.js'
import { trust } from './certificates.js'
import { connectionError, RegistryError } from './errors.js'
import { proxyAuthorization, proxyFor } from './proxy.js'
import { TunnelAgent } from './tunnel.js'
import { watchdog } from './watchdog.js'

export interface TransportOptions {
  /** Proxies, and certificates that Node trusts. */
  readonly environment: NodeJS.ProcessEnv
  /** Files with certificates of authorities to trust as well. */
  readonly certificateFiles?: readonly string[] | undefined
  readonly signal: AbortSignal
  /** Milliseconds without a noteworthy byte after which a connection is given up. */
  readonly stallTimeout?: number | undefined
}

export type Headers = Readonly<Record<string, string>>

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH'
  readonly url: URL
  readonly headers: Headers
  readonly body?: Content | undefined
  /** What it is about, for messages. */
  readonly what: string
  /** How many times as long as usual an answer may take. */
  readonly patience?: number | undefined
}

/** An answer whose body has yet to be read, or dropped. */
export interface HttpResponse {
  readonly status: number
  readonly header: (name: string) => string | undefined
  /** May be read once. @throws {RegistryError} when reading */
  body(): AsyncIterable<Uint8Array>
  /** The whole body. @param limit size in bytes beyond which it throws `registry/too-large` */
  bytes(limit: number): Promise<Buffer>
  /** Takes no interest in the body. */
  drop(): Promise<void>
}

const STALL_TIMEOUT = 60_000
/** Reading this much to the end is cheaper than another connection. */
const WORTH_READING = 1 << 16

/**
 * One HTTP exchange at a time: neither redirects nor authorization nor repetition.
 * It stands on node:http because fetch() takes neither a certificate nor a proxy, and moves bytes at two thirds of the speed.
 */
export class Transport {
  readonly #options: TransportOptions
  readonly #plain = new Agent({ keepAlive: true })
  /** By proxy; the empty one is none. */
  readonly #secure = new Map<string, Promise<TlsAgent>>()

  constructor(options: TransportOptions) {
    this.#options = options
  }

  /** @throws {RegistryError} `registry/unreachable`, `registry/stalled`; what reading the body throws */
  async send({ method, url, headers, body, what, patience = 1 }: HttpRequest): Promise<HttpResponse> {
    const { signal, stallTimeout = STALL_TIMEOUT } = this.#options
    signal.throwIfAborted()
    const request = await this.#open(method, url, {
      'accept-encoding': 'identity',
      'user-agent': 'linuxkit',
      ...(body === undefined && (method === 'GET' || method === 'HEAD') ? {} : { 'content-length': String(body?.size ?? 0) }),
      ...headers,
    })
    const stalled = new AbortController()
    using watch = watchdog(stallTimeout * patience, () => stalled.abort())
    watch.wait()
    try {
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        request.on('response', resolve).on('error', reject)
        stalled.signal.addEventListener('abort', () => {
          const error = new RegistryError('registry/stalled', `${url.host} does not answer for ${what}`, true)
          // A request that waits for its connection does not report that it was destroyed.
          reject(error)
          request.destroy(error)
        })
      })
      if (body === undefined) request.end()
      else {
        pour(body, request, (bytes) => {
          watch.moved(bytes)
          watch.wait()
        })
      }
      return this.#response(request, await answered, url.host, what)
    } catch (error) {
      throw this.#explain(error, url.host, what)
    }
  }

  #response(request: ClientRequest, message: IncomingMessage, host: string, what: string): HttpResponse {
    const explain = (error: unknown): unknown => this.#explain(error, host, what)
    const { stallTimeout = STALL_TIMEOUT } = this.#options
    const stall = (): void => {
      message.destroy(new RegistryError('registry/stalled', `${host} has all but stopped sending ${what}`, true))
    }
    async function* body(): AsyncIterable<Uint8Array> {
      using watch = watchdog(stallTimeout, stall)
      try {
        watch.wait()
        for await (const chunk of message as AsyncIterable<Buffer>) {
          watch.moved(chunk.length)
          yield chunk
          watch.wait()
        }
      } catch (error) {
        throw explain(error)
      } finally {
        // An answer that came before all of the question was sent: the connection is of no further use.
        if (!message.complete || !request.writableFinished) request.destroy()
      }
    }
    return {
      status: message.statusCode ?? 0,
      header: (name) => message.headersDistinct[name]?.join(', '),
      body,
      async bytes(limit) {
        return readAll(body(), limit).catch((error: unknown) => {
          throw error instanceof RangeError
            ? new RegistryError('registry/too-large', `${host} sends more than ${limit} bytes of what should be small: ${what}`, false)
            : error
        })
      },
      async drop() {
        await readAll(body(), WORTH_READING).catch(() => {})
      },
    }
  }

  async #open(method: string, url: URL, headers: Headers): Promise<ClientRequest> {
    const { signal, environment } = this.#options
    const proxy = proxyFor(url, environment)
    const common = { method, signal, headers: { host: url.host, ...headers } }
    const target = { host: bare(url.hostname), path: `${url.pathname}${url.search}` }
    if (url.protocol === 'https:') {
      return requestHttps({ ...common, ...target, port: url.port || 443, agent: await this.#secureAgent(proxy) })
    }
    if (proxy === undefined) return requestHttp({ ...common, ...target, port: url.port || 80, agent: this.#plain })
    return (proxy.protocol === 'https:' ? requestHttps : requestHttp)({
      ...common,
      headers: { ...common.headers, ...proxyAuthorization(proxy) },
      host: bare(proxy.hostname),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      path: `${url.origin}${target.path}`,
      agent: proxy.protocol === 'https:' ? await this.#secureAgent(undefined) : this.#plain,
    })
  }

  #secureAgent(proxy: URL | undefined): Promise<TlsAgent> {
    const key = proxy?.href ?? ''
    const agent = this.#secure.get(key) ?? this.#makeAgent(proxy)
    this.#secure.set(key, agent)
    return agent
  }

  async #makeAgent(proxy: URL | undefined): Promise<TlsAgent> {
    const { certificateFiles = [], environment, signal, stallTimeout = STALL_TIMEOUT } = this.#options
    // Reading all of Node's authorities anew takes time, which those without one of their own are spared.
    const trusted = certificateFiles.length === 0 ? {} : { secureContext: await trust(certificateFiles, environment) }
    if (proxy === undefined) return new TlsAgent({ keepAlive: true, ...trusted })
    return new TunnelAgent({ proxy, signal, connectTimeout: stallTimeout, ...trusted })
  }

  #explain(error: unknown, host: string, what: string): unknown {
    this.#options.signal.throwIfAborted()
    return error instanceof LinuxkitError ? error : connectionError(what, host, error)
  }
}

/** Sends a body as fast as it is taken, and stops when an answer comes before its end. */
function pour(body: Content, request: ClientRequest, taken: (bytes: number) => void): void {
  const source = Readable.from(counted(body.open(), taken))
  source.on('error', (error) => request.destroy(error))
  request.on('response', () => {
    if (!source.readableEnded) source.unpipe(request).destroy()
  })
  request.on('close', () => source.destroy())
  source.pipe(request)
}

async function* counted(source: AsyncIterable<Uint8Array>, taken: (bytes: number) => void): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    yield chunk
    taken(chunk.length)
  }
}

/** A host as sockets want it: an IPv6 address without its brackets. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
