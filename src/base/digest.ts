import { createHash } from 'node:crypto'

/** `sha256:` and 64 hexadecimal digits (OCI image-spec, descriptor.md "Digests"). */
export type Digest = `sha256:${string}`

const DIGEST = /^sha256:[0-9a-f]{64}$/

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text)
}

/** The digest of bytes or UTF-8 text in memory. */
export function digestOf(data: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`
}

/** Passes a stream through and knows digest and size once it has been read to its end. */
export class DigestMeter {
  readonly #hash = createHash('sha256')
  #size = 0

  /** Bytes seen so far. */
  get size(): number {
    return this.#size
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk)
    this.#size += chunk.length
  }

  async *through(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of source) {
      this.update(chunk)
      yield chunk
    }
  }

  /** Ends the measurement; may be called once. */
  digest(): Digest {
    return `sha256:${this.#hash.digest('hex')}`
  }
}
