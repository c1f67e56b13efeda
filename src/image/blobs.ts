import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openFileContent, type Content, type Range } from '../base/content.js'
import { DigestMeter, digestOf, isDigest, type Digest } from '../base/digest.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { sweepTemporaries, temporaryName, writeStream } from '../base/files.js'
import type { BlobId } from './oci.js'

const HINT = 'pull or build the image again'

/** Milliseconds; clocks may be a little behind. */
const NO_AGE = -1000

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
        await writeStream(file, measured(source, meter, expected))
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

  /** Whether the blob is there in full length. */
  async has(blob: BlobId): Promise<boolean> {
    // A build asks for a hundred blobs, and a synchronous look takes a twentieth of the time.
    return statSync(this.path(blob.digest), { throwIfNoEntry: false })?.size === blob.size
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
    const { bytes, inode } = this.#read(blob)
    if (digestOf(bytes) !== blob.digest) throw await this.#damaged(blob, inode)
    return bytes.toString('utf8')
  }

  /** All blobs, with the sizes that their files have. */
  async list(): Promise<readonly BlobId[]> {
    const blobs: BlobId[] = []
    for (const name of (await readdir(this.#directory)).sort()) {
      const digest = `sha256:${name}`
      if (!isDigest(digest)) continue
      const status = await stat(this.path(digest)).catch(absentIfMissing)
      if (status !== undefined) blobs.push({ digest, size: status.size })
    }
    return blobs
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true })
  }

  /** Removes what killed writers left. Only when nobody writes. */
  async sweep(): Promise<void> {
    await sweepTemporaries(this.#directory, NO_AGE)
  }

  /** Whether a blob's file holds the bytes that its name says; a damaged one is removed. @throws {LinuxkitError} `image/missing-blob` */
  async verify(blob: BlobId): Promise<boolean> {
    try {
      for await (const _ of this.content(blob).open());
      return true
    } catch (error) {
      if (error instanceof LinuxkitError && error.code === 'image/corrupt-blob') return false
      throw error
    }
  }

  // What has been opened stays readable when another process removes it, so the file is opened before it is looked at.
  async *#open(blob: BlobId, range?: Range): AsyncIterable<Uint8Array> {
    const path = this.path(blob.digest)
    const file = await open(path, 'r').catch((error: unknown) => {
      throw missingOr(error, blob)
    })
    try {
      const status = await file.stat()
      expectSize(status, path, blob)
      const content = openFileContent(file, path, 0, blob.size)
      const meter = new DigestMeter()
      yield* range === undefined ? meter.through(content.open()) : content.open(range)
      if (range === undefined && meter.digest() !== blob.digest) throw await this.#damaged(blob, status.ino)
    } finally {
      await file.close()
    }
  }

  /** A small blob. A build reads a hundred of them, and synchronous reading takes a fraction of the time. */
  #read(blob: BlobId): { readonly bytes: Buffer; readonly inode: number } {
    const path = this.path(blob.digest)
    let file: number
    try {
      file = openSync(path, 'r')
    } catch (error) {
      throw missingOr(error, blob)
    }
    try {
      const status = fstatSync(file)
      expectSize(status, path, blob)
      return { bytes: readFileSync(file), inode: status.ino }
    } finally {
      closeSync(file)
    }
  }

  async #damaged({ digest }: BlobId, inode: number): Promise<LinuxkitError> {
    await this.#removeDamaged(digest, inode)
    const message = `${this.path(digest)} was damaged and has been removed from the image cache`
    return new LinuxkitError('image/corrupt-blob', message, { hint: HINT })
  }

  /** Another process may have replaced the file since it was opened: that one is good. */
  async #removeDamaged(digest: Digest, inode: number): Promise<void> {
    const status = await stat(this.path(digest)).catch(absentIfMissing)
    if (status?.ino === inode) await this.remove(digest)
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

function missingOr(error: unknown, { digest }: BlobId): unknown {
  if (!isSystemError(error, 'ENOENT')) return error
  return new LinuxkitError('image/missing-blob', `${digest} is not in the image cache`, { hint: HINT, cause: error })
}

/** One of another size is not removed, for it may be the descriptor that is wrong; one that is cut off is written anew by whoever needs it. */
function expectSize({ size }: { readonly size: number }, path: string, blob: BlobId): void {
  if (size === blob.size) return
  throw new LinuxkitError('image/corrupt-blob', `${path} has ${size} bytes instead of ${blob.size}`, { hint: HINT })
}

function mismatch(expected: BlobId, reason: string): LinuxkitError {
  return new LinuxkitError('image/digest-mismatch', `what was received for ${expected.digest} is something else: ${reason}`, {
    hint: 'try again; if it stays so, the source of the image is damaged',
  })
}

function absentIfMissing(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT')) throw error
}
