import type { BlobId } from '../oci.js'
import type { Reference } from '../reference.js'
import { RegistryError } from './errors.js'
import { pause } from './retry.js'
import type { RegistrySession } from './session.js'

/** Bytes after which a connection that breaks off counts as one that had been good: one that breaks after every byte must not go on for ever. */
const GOOD_RUN = 1 << 20

/**
 * A blob as it comes; a connection that breaks off is taken up where it broke. Digest and size are for the caller to verify.
 * @throws {RegistryError} when reading
 */
export async function* download(session: RegistrySession, reference: Reference, { digest, size }: BlobId): AsyncIterable<Uint8Array> {
  let done = 0
  let lastFailure = 0
  for (let failures = 0; ;) {
    try {
      const headers: Record<string, string> = done === 0 ? {} : { range: `bytes=${done}-` }
      const response = await session.ask(reference, { method: 'GET', to: `blobs/${digest}`, access: 'pull', headers })
      // A server that does not know ranges begins anew, and one may begin where it likes.
      let skip = response.status === 206 ? done - firstByte(response.header('content-range'), done) : done
      for await (const chunk of response.body()) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length))
        skip -= chunk.length - fresh.length
        if (fresh.length === 0) continue
        done += fresh.length
        yield fresh
      }
      if (done >= size) return
      const { host } = new URL(session.endpoint(reference).base)
      throw new RegistryError('registry/cut-off', `${host} sends only ${done} of ${size} bytes of a layer of ${reference.text}`, true)
    } catch (error) {
      failures = done - lastFailure >= GOOD_RUN ? 1 : failures + 1
      lastFailure = done
      await pause(error, failures, session.options)
    }
  }
}

/** Of a `Content-Range` (RFC 9110, section 14.4); the byte that was asked for when it cannot be told. */
function firstByte(text: string | undefined, asked: number): number {
  const first = Number(/^bytes (\d+)-/.exec(text ?? '')?.[1] ?? asked)
  return first <= asked ? first : asked
}
