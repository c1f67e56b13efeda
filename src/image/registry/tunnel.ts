import { request as requestHttp } from 'node:http'
import { Agent, request as requestHttps, type AgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect, type ConnectionOptions } from 'node:tls'
import { proxyAuthorization } from './proxy.js'

export interface TunnelOptions extends AgentOptions {
  readonly proxy: URL
  readonly signal: AbortSignal
  /** Milliseconds that the proxy may take to reach the host. */
  readonly connectTimeout: number
}

/** Makes TLS connections through a proxy, which sees the name of the host and encrypted bytes (RFC 9110, section 9.3.6 "CONNECT"). */
export class TunnelAgent extends Agent {
  readonly #tunnel: TunnelOptions

  constructor(options: TunnelOptions) {
    super({ ...options, keepAlive: true })
    this.#tunnel = options
  }

  override createConnection(target: ConnectionOptions, callback: (error: Error | null, connection?: Duplex) => void): undefined {
    const { proxy, signal, connectTimeout } = this.#tunnel
    const authority = `${target.host?.includes(':') === true ? `[${target.host}]` : target.host}:${target.port}`
    const request = (proxy.protocol === 'https:' ? requestHttps : requestHttp)({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...proxyAuthorization(proxy) },
      agent: false,
      signal,
      timeout: connectTimeout,
    })
    request.on('timeout', () => request.destroy(new Error(`the proxy ${proxy.host} does not answer`)))
    request.on('error', callback)
    request.on('connect', ({ statusCode }, socket) => {
      socket.setTimeout(0)
      if (statusCode === 200) {
        callback(null, connect({ ...target, socket }))
        return
      }
      socket.destroy()
      callback(new Error(`the proxy ${proxy.host} answers ${statusCode}`))
    })
    request.end()
  }
}
