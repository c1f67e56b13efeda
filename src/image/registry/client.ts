import { bytesContent, type Content } from '../../base/content.js'
import { digestOf, isDigest } from '../../base/digest.js'
import type { BlobId } from '../oci.js'
import type { Reference } from '../reference.js'
import { download } from './download.js'
import { RegistryError } from './errors.js'
import { RegistrySession, type RegistryOptions } from './session.js'
import { upload, type Uploaded, type UploadOptions } from './upload.js'

export type { RegistryOptions } from './session.js'

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

/** Reads images from registries and writes them there (OCI distribution-spec v1.1, "Pull" and "Push"). */
export class RegistryClient {
  readonly #session: RegistrySession

  constructor(options: RegistryOptions) {
    this.#session = new RegistrySession(options)
  }

  /** The host that an image is asked for at, for messages. */
  hostOf(reference: Reference): string {
    return new URL(this.#session.endpoint(reference).base).host
  }

  /** The repository there; undefined when it is not on the same host as `other`, so that nothing can be mounted. */
  sharedRepository(reference: Reference, other: Reference): string | undefined {
    const { base, repository } = this.#session.endpoint(reference)
    return this.#session.endpoint(other).base === base ? repository : undefined
  }

  /**
   * A manifest or index, verified against its digest, or against the one that the registry gives along with a tag.
   * @param identifier tag or digest; by default what the reference says
   * @throws {RegistryError}
   */
  manifest(reference: Reference, identifier?: string, access: 'pull' | 'pull,push' = 'pull'): Promise<RemoteManifest> {
    const wanted = identifier ?? this.#session.endpoint(reference).identifier
    const to = `manifests/${wanted}`
    return this.#session.retrying(async () => {
      const response = await this.#session.ask(reference, { method: 'GET', to, access, headers: { accept: MANIFEST_TYPES } })
      const mediaType = response.header('content-type')?.split(';')[0]?.trim() ?? ''
      const bytes = await response.bytes(MANIFEST_LIMIT)
      const expected = isDigest(wanted) ? wanted : (response.header('docker-content-digest') ?? '')
      if (isDigest(expected) && digestOf(bytes) !== expected) {
        throw new RegistryError('image/corrupt-blob', `${this.hostOf(reference)} sends a damaged manifest of ${reference.text}`, true, {
          hint: 'if it stays so, the image is damaged there, or a proxy on the way damages it',
        })
      }
      return { bytes, mediaType }
    })
  }

  /** Like {@link manifest}, of an image that is about to be pushed; undefined when the registry does not have it. */
  async existing(reference: Reference, identifier?: string): Promise<RemoteManifest | undefined> {
    return this.manifest(reference, identifier, 'pull,push').catch((error: unknown) => {
      if (error instanceof RegistryError && error.code === 'registry/not-found') return undefined
      throw error
    })
  }

  /** See {@link download}. */
  blob(reference: Reference, blob: BlobId): AsyncIterable<Uint8Array> {
    return download(this.#session, reference, blob)
  }

  /** See {@link upload}. */
  uploadBlob(reference: Reference, blob: BlobId, content: Content, options: UploadOptions): Promise<Uploaded> {
    return upload(this.#session, reference, blob, content, options)
  }

  /**
   * Files a manifest or index under a tag or its digest; all that it names must be there.
   * @throws {RegistryError}
   */
  async putManifest(reference: Reference, identifier: string, { bytes, mediaType }: RemoteManifest): Promise<void> {
    const question = { method: 'PUT', to: `manifests/${identifier}`, access: 'pull,push', headers: { 'content-type': mediaType } } as const
    await this.#session.retrying(async () => {
      await (await this.#session.ask(reference, { ...question, body: bytesContent(bytes) })).drop()
    })
  }
}
