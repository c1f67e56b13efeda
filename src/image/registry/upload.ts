import type { Content } from '../../base/content.js'
import type { BlobId } from '../oci.js'
import type { Reference } from '../reference.js'
import { RegistryError } from './errors.js'
import type { RegistrySession } from './session.js'
import type { HttpResponse } from './transport.js'

export interface UploadOptions {
  /** A repository of the same registry that is likely to have the blob already. */
  readonly source?: string | undefined
  /** Told how many bytes the registry has; it may fall back. */
  readonly progress?: (done: number) => void
}

/** How a blob got into the repository. */
export type Uploaded = 'present' | 'mounted' | 'sent'

/** Bytes. Up to this a blob goes along with the request that closes its upload. */
const MONOLITHIC = 1 << 20
/** Bytes at once for a registry, or a proxy before it, that finds a whole layer too large. */
const CHUNK = 8 << 20
/** A registry may read the whole blob once more before it accepts it. */
const CLOSING_PATIENCE = 5

const OCTETS = { 'content-type': 'application/octet-stream' }

/**
 * Brings a blob into the repository of an image unless it is there: by mounting it from another repository, else by sending it (OCI distribution-spec, "Push").
 * An upload that breaks off is taken up where it broke when the registry can tell where that was.
 * @throws {RegistryError}
 */
export async function upload(
  session: RegistrySession,
  reference: Reference,
  blob: BlobId,
  content: Content,
  options: UploadOptions = {},
): Promise<Uploaded> {
  if (await hasBlob(session, reference, blob)) return 'present'
  const mounted = options.source === undefined ? undefined : await mount(session, reference, blob, options.source)
  if (mounted === 'mounted') return 'mounted'
  await new Upload(session, reference, blob, content, options, mounted).run()
  return 'sent'
}

async function hasBlob(session: RegistrySession, reference: Reference, { digest }: BlobId): Promise<boolean> {
  try {
    const head = await session.retrying(() => session.ask(reference, { method: 'HEAD', to: `blobs/${digest}`, access: 'pull,push' }))
    await head.drop()
    return true
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'registry/not-found') return false
    throw error
  }
}

/** @returns where to upload to when the registry does not mount, undefined when it does not even want to be asked */
async function mount(
  session: RegistrySession,
  reference: Reference,
  { digest }: BlobId,
  source: string,
): Promise<'mounted' | URL | undefined> {
  const query = new URLSearchParams({ mount: digest, from: source })
  const to = `blobs/uploads/?${query.toString()}`
  try {
    const response = await session.retrying(() => session.ask(reference, { method: 'POST', to, access: 'pull,push', source }))
    await response.drop()
    return response.status === 201 ? 'mounted' : locationOf(response, session, reference)
  } catch (error) {
    // Whoever may not read the other repository can still send the blob.
    if (error instanceof RegistryError && !error.transient) return undefined
    throw error
  }
}

class Upload {
  readonly #session: RegistrySession
  readonly #reference: Reference
  readonly #blob: BlobId
  readonly #content: Content
  readonly #progress: (done: number) => void
  /** Where the registry wants the next bytes; undefined when an upload has yet to be opened. */
  #location: URL | undefined
  /** Bytes that the registry has. */
  #done = 0
  /** Whether it is not known how many of the bytes sent have arrived. */
  #uncertain = false
  /** Whether some bytes were sent after a break: what is wrong then may be right when all is sent anew. */
  #resumed = false
  #chunkSize = Number.POSITIVE_INFINITY

  constructor(
    session: RegistrySession,
    reference: Reference,
    blob: BlobId,
    content: Content,
    { progress = () => {} }: UploadOptions,
    location: URL | undefined,
  ) {
    this.#session = session
    this.#reference = reference
    this.#blob = blob
    this.#content = content
    this.#progress = progress
    this.#location = location
  }

  run(): Promise<void> {
    return this.#session.retrying(async () => {
      try {
        await this.#attempt()
      } catch (error) {
        throw this.#afterwards(error)
      }
    })
  }

  async #attempt(): Promise<void> {
    if (this.#uncertain && this.#location !== undefined) {
      // The answer to the last request may be all that was lost.
      if (await hasBlob(this.#session, this.#reference, this.#blob)) return
      await this.#takeUp(this.#location)
    }
    this.#location ??= await this.#openUpload()
    const { size } = this.#blob
    if (size > MONOLITHIC) while (this.#done < size) await this.#sendChunk(this.#location)
    const rest = this.#done < size ? this.#slice(this.#done, size) : undefined
    this.#uncertain = true
    await this.#tell('PUT', withDigest(this.#location, this.#blob), rest, CLOSING_PATIENCE)
    this.#progress(size)
  }

  async #openUpload(): Promise<URL> {
    this.#done = 0
    this.#resumed = false
    const response = await this.#tell('POST', 'blobs/uploads/', undefined)
    const least = Number(response.header('oci-chunk-min-length') ?? 0)
    if (this.#chunkSize < least) this.#chunkSize = least
    return locationOf(response, this.#session, this.#reference)
  }

  async #sendChunk(location: URL): Promise<void> {
    const end = Math.min(this.#done + this.#chunkSize, this.#blob.size)
    this.#uncertain = true
    const range = { 'content-range': `${this.#done}-${end - 1}` }
    const response = await this.#tell('PATCH', location, this.#slice(this.#done, end), 1, range)
    this.#uncertain = false
    this.#location = locationOf(response, this.#session, this.#reference, location)
    this.#done = lastByte(response) === undefined ? end : Math.min((lastByte(response) ?? 0) + 1, end)
  }

  /** Asks how much has arrived; a registry that does not tell gets a new upload. */
  async #takeUp(location: URL): Promise<void> {
    this.#uncertain = false
    this.#location = undefined
    try {
      const response = await this.#tell('GET', location, undefined)
      const last = lastByte(response)
      // Registries say "0-0" for one byte as well as for none.
      if (last === undefined || last === 0 || last >= this.#blob.size) return
      this.#done = last + 1
      this.#resumed = true
      this.#location = locationOf(response, this.#session, this.#reference, location)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
    }
  }

  /** What a failed attempt means for the next one. */
  #afterwards(error: unknown): unknown {
    if (!(error instanceof RegistryError) || error.status === undefined || error.transient) return error
    const tooLarge = error.status === 413 && this.#blob.size > CHUNK && this.#chunkSize > CHUNK
    if (tooLarge) this.#chunkSize = CHUNK
    const forgotten = error.status === 404 && this.#location !== undefined
    if (!tooLarge && !this.#resumed && !forgotten) return error
    this.#location = undefined
    this.#resumed = false
    const { code, message, hint, status } = error
    return new RegistryError(code, message, true, { hint, status, cause: error })
  }

  async #tell(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    to: URL | string,
    body: Content | undefined,
    patience = 1,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpResponse> {
    const typed = method === 'GET' ? headers : { ...OCTETS, ...headers }
    const ask = async (): Promise<HttpResponse> => {
      const response = await this.#session.ask(this.#reference, { method, to, access: 'pull,push', headers: typed, body, patience })
      await response.drop()
      return response
    }
    // After one that sends bytes it has to be found out first where they ended.
    return method === 'GET' || method === 'POST' ? this.#session.retrying(ask) : ask()
  }

  /** Some bytes of the blob. The whole is verified while it is read; a part is for the registry to verify. */
  #slice(start: number, end: number): Content {
    const whole = start === 0 && end === this.#blob.size
    const content = this.#content
    const progress = this.#progress
    return {
      size: end - start,
      async *open() {
        let done = start
        for await (const chunk of whole ? content.open() : content.open({ start, end })) {
          yield chunk
          done += chunk.length
          progress(done)
        }
      },
    }
  }
}

/** Where the registry wants to be told more, which it may say relative to where it was asked. */
function locationOf(response: HttpResponse, session: RegistrySession, reference: Reference, asked?: URL): URL {
  const base = new URL(session.endpoint(reference).base)
  const text = response.header('location')
  if (text === undefined && asked !== undefined) return asked
  const url = text !== undefined && URL.canParse(text, base.href) ? new URL(text, base) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new RegistryError('registry/no-location', `${base.host} does not say where to send ${reference.text}`, false)
  }
  // A registry behind a proxy that ends TLS for it may not know that it is spoken to over TLS.
  if (url.hostname === base.hostname && base.protocol === 'https:') {
    url.protocol = 'https:'
    if (url.port === '80') url.port = base.port
  } else if (base.protocol === 'https:' && url.protocol !== 'https:') {
    throw new RegistryError('registry/redirect', `${base.host} sends ${reference.text} to the unencrypted ${url.host}`, false)
  }
  return url
}

/** The query may be signed, so not a byte of it is written anew. */
function withDigest(location: URL, { digest }: BlobId): URL {
  return new URL(`${location.href}${location.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`)
}

/** The last byte that a registry has of an upload: `Range: 0-1023` (OCI distribution-spec, "Pushing a blob in chunks"). */
function lastByte(response: HttpResponse): number | undefined {
  const text = /^(?:bytes=)?0-(\d+)$/.exec(response.header('range') ?? '')?.[1]
  return text === undefined ? undefined : Number(text)
}
