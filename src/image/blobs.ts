import { statSync } from 'node:fs'
import { open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { fileContent, type Content, type Range } from '../base/content.js'
import { DigestMeter, digestOf, isDigest, type Digest } from '../base/digest.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { sweepTemporaries, temporaryName } from '../base/files.js'
import type { BlobId } from './oci.js'

const HINT = 'pull or build the image again'

/** A blob that was written or asked for within this time, in milliseconds, need not be noted again; well within the grace of `collectGarbage`. */
const YOUNG = 600 * 1000

/** Files named by the digest of their bytes (OCI image-spec, image-layout.md "Blobs"). A file under such a name is complete and never changes. */
export class BlobStore {
  readonly #directory: string

  /** @param directory `blobs/sha256` of an image layout; must exist */
  constructor(directory: string) {
    this.#directory = directory
  }

  path(digest: Digest): string {
    return join(this.#directory, digest.slice('sha256:'.length))
  }

  /**
   * Stores a stream. One that is there already is not read.
   * @param expected what the stream must turn out to be
   * @throws {LinuxkitError} `image/digest-mismatch`; nothing is left behind
   */
  async write(source: AsyncIterable<Uint8Array>, expected?: BlobId): Promise<BlobId> {
    if (expected !== undefined && (await this.has(expected))) return expected
    const temporary = join(this.#directory, temporaryName())
    const file = await open(temporary, 'wx', 0o644)
    try {
      const meter = new DigestMeter()
      try {
        for await (const chunk of measured(source, meter, expected)) await file.writeFile(chunk)
        await file.sync()
      } finally {
        await file.close()
      }
      const blob = { digest: meter.digest(), size: meter.size }
      if (expected !== undefined && blob.digest !== expected.digest) throw mismatch(expected, `its digest is ${blob.digest}`)
      await rename(temporary, this.path(blob.digest))
      return blob
    } finally {
      await rm(temporary, { force: true })
    }
  }

  /**
   * Whether the blob is there in full length. Its age starts anew, so that a collection of garbage that runs while an
   * image is being put together leaves it alone (see `collectGarbage`).
   */
  async has(blob: BlobId): Promise<boolean> {
    const path = this.path(blob.digest)
    // A build asks for a hundred blobs, and a synchronous look takes a twentieth of the time.
    const status = statSync(path, { throwIfNoEntry: false })
    if (status?.size !== blob.size) return false
    const now = new Date()
    if (now.getTime() - status.mtimeMs < YOUNG) return true
    // A cache that may only be read has no garbage collected either.
    await utimes(path, now, now).catch((error: unknown) => {
      if (!isSystemError(error)) throw error
    })
    return true
  }

  /**
   * The bytes of a blob. A reading of the whole verifies the digest at its end; a damaged file is removed then, so that the next pull or build heals the cache.
   * Reading throws `image/missing-blob` or `image/corrupt-blob`.
   */
  content(blob: BlobId): Content {
    return { size: blob.size, open: (range) => this.#open(blob, range) }
  }

  /** A blob as text, verified. @throws {LinuxkitError} `image/too-large` beyond `limit` bytes */
  async text(blob: BlobId, limit: number): Promise<string> {
    if (blob.size > limit)
      throw new LinuxkitError('image/too-large', `${blob.digest} has ${blob.size} bytes; at most ${limit} are accepted`)
    const { path } = await this.#present(blob)
    const bytes = await readFile(path)
    if (digestOf(bytes) !== blob.digest) throw await this.#damaged(blob)
    return bytes.toString('utf8')
  }

  /** All blobs, with the time in milliseconds at which they were last written or asked for. */
  async list(): Promise<readonly (BlobId & { readonly usedAt: number })[]> {
    const blobs = []
    for (const name of (await readdir(this.#directory)).sort()) {
      const digest = `sha256:${name}`
      if (!isDigest(digest)) continue
      const status = await stat(this.path(digest)).catch(absentIfMissing)
      if (status !== undefined) blobs.push({ digest, size: status.size, usedAt: status.mtimeMs })
    }
    return blobs
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true })
  }

  /** Removes what killed writers left, when nothing was added to it for `olderThanMs`. */
  async sweep(olderThanMs: number): Promise<void> {
    await sweepTemporaries(this.#directory, olderThanMs)
  }

  async *#open(blob: BlobId, range?: Range): AsyncIterable<Uint8Array> {
    const { path } = await this.#present(blob)
    const content = fileContent(path, 0, blob.size)
    const meter = new DigestMeter()
    yield* range === undefined ? meter.through(content.open()) : content.open(range)
    if (range === undefined && meter.digest() !== blob.digest) throw await this.#damaged(blob)
  }

  async #present(blob: BlobId): Promise<{ readonly path: string }> {
    const path = this.path(blob.digest)
    const status = await stat(path).catch(absentIfMissing)
    if (status === undefined) throw new LinuxkitError('image/missing-blob', `${blob.digest} is not in the image cache`, { hint: HINT })
    if (status.size === blob.size) return { path }
    throw new LinuxkitError('image/corrupt-blob', `${path} has ${status.size} bytes instead of ${blob.size}`, { hint: HINT })
  }

  async #damaged({ digest }: BlobId): Promise<LinuxkitError> {
    await this.remove(digest)
    const message = `${this.path(digest)} was damaged and has been removed from the image cache`
    return new LinuxkitError('image/corrupt-blob', message, { hint: HINT })
  }
}

/** Stops at the first byte too many, so that an endless source cannot fill the disk. */
async function* measured(source: AsyncIterable<Uint8Array>, meter: DigestMeter, expected: BlobId | undefined): AsyncIterable<Uint8Array> {
  for await (const chunk of meter.through(source)) {
    if (expected !== undefined && meter.size > expected.size) throw mismatch(expected, `it has more than ${expected.size} bytes`)
    yield chunk
  }
  if (expected !== undefined && meter.size < expected.size)
    throw mismatch(expected, `it has ${meter.size} bytes instead of ${expected.size}`)
}

function mismatch(expected: BlobId, reason: string): LinuxkitError {
  return new LinuxkitError('image/digest-mismatch', `what was received for ${expected.digest} is something else: ${reason}`, {
    hint: 'try again; if it stays so, the source of the image is damaged',
  })
}

function absentIfMissing(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT')) throw error
}
