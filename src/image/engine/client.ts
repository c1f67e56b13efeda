import http, { type IncomingMessage, type RequestOptions } from 'node:http'
import https from 'node:https'
import { readAll } from '../../base/content.js'
import { isSystemError, LinuxkitError } from '../../base/errors.js'
import { JsonNode } from '../json-node.js'
import type { EngineEndpoint } from './endpoint.js'

/** What an engine says of an image. */
export interface EngineImage {
  /** Digest of the config, or, with containerd's image store, of the manifest or index. */
  readonly id: string
  readonly os: string
  readonly architecture: string
}

export interface EngineOptions {
  readonly endpoint: EngineEndpoint
  readonly signal: AbortSignal
  /** Milliseconds without a byte after which an engine has failed; it may pack for long before the first one. */
  readonly stallTimeout?: number | undefined
}

const JSON_LIMIT = 4 << 20

/** Reads images from a container engine that speaks Docker's API (Docker Engine API, "Image"); podman does too. */
export class EngineClient {
  readonly #options: EngineOptions

  constructor(options: EngineOptions) {
    this.#options = options
  }

  /** Where it listens, for messages. */
  get place(): string {
    const { endpoint } = this.#options
    return endpoint.type === 'socket' ? endpoint.path : `${endpoint.host}:${endpoint.port}`
  }

  /** @returns undefined when the engine does not have the image @throws {LinuxkitError} `engine/unreachable`, `engine/status` */
  async inspect(name: string): Promise<EngineImage | undefined> {
    const response = await this.#get(`/images/${path(name)}/json`)
    if (response.statusCode === 404) {
      response.destroy()
      return undefined
    }
    const text = await readAll(this.#body(response), JSON_LIMIT)
    this.#check(response, name, text.toString('utf8'))
    const image = JsonNode.parse(text.toString('utf8'), `what the container engine says of ${name}`)
    return { id: image.get('Id').string(), os: image.get('Os').string(), architecture: image.get('Architecture').string() }
  }

  /** The image as an archive: an OCI layout, from old engines a Docker archive. @throws {LinuxkitError} `engine/unreachable`, `engine/status` */
  async *save(name: string): AsyncIterable<Uint8Array> {
    const response = await this.#get(`/images/${path(name)}/get`)
    if (response.statusCode !== 200) this.#check(response, name, (await readAll(this.#body(response), JSON_LIMIT)).toString('utf8'))
    yield* this.#body(response)
  }

  #check({ statusCode }: IncomingMessage, name: string, text: string): void {
    if (statusCode === 200) return
    let message = text.trim()
    try {
      message = JsonNode.parse(text, '').get('message').string()
    } catch {
      // Not an answer of the engine's, perhaps a proxy's.
    }
    throw new LinuxkitError('engine/status', `the container engine at ${this.place} answers ${statusCode} for ${name}: ${message}`)
  }

  #get(target: string): Promise<IncomingMessage> {
    const { endpoint, signal, stallTimeout = 300_000 } = this.#options
    const tls = endpoint.type === 'tcp' ? endpoint.tls : undefined
    const options: RequestOptions & https.RequestOptions = {
      path: target,
      agent: false,
      signal,
      timeout: stallTimeout,
      // HTTP wants a host; over TCP it is the engine's, which its certificate is compared with.
      ...(endpoint.type === 'socket'
        ? { socketPath: endpoint.path, headers: { host: 'localhost' } }
        : { host: endpoint.host, port: endpoint.port }),
      ...(tls === undefined ? {} : { ca: tls.ca, cert: tls.cert, key: tls.key, rejectUnauthorized: tls.verify }),
    }
    return new Promise((resolve, reject) => {
      const request = (tls === undefined ? http : https).request(options, resolve)
      request.on('error', (error) => reject(this.#failure(error)))
      request.on('timeout', () => request.destroy(new Error(`no answer for ${stallTimeout / 1000} seconds`)))
      request.end()
    })
  }

  async *#body(response: IncomingMessage): AsyncIterable<Uint8Array> {
    try {
      for await (const chunk of response) yield chunk as Uint8Array
    } catch (error) {
      throw this.#failure(error)
    } finally {
      response.destroy()
    }
  }

  #failure(error: unknown): unknown {
    this.#options.signal.throwIfAborted()
    const reason = isSystemError(error) ? (error.code ?? error.message) : error instanceof Error ? error.message : String(error)
    return new LinuxkitError('engine/unreachable', `the container engine at ${this.place} cannot be reached (${reason})`, {
      hint:
        reason === 'EACCES'
          ? 'you may have to be in the group "docker"'
          : 'is it running? DOCKER_HOST and "docker context" say where it is',
      cause: error,
    })
  }
}

/** Slashes of image names stand in the path as they are (moby, `{name:.*}`). */
function path(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/')
}
