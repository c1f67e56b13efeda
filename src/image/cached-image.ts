import { decompress } from '../archive/decompress.js'
import { parseRuns, type PartlyDeflated } from '../archive/deflate-runs.js'
import { partlyDeflated } from '../archive/partly-deflated.js'
import type { Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { ATTESTATION, PREDICATE_TYPE, SPDX_DOCUMENT, SUBJECT_DIGEST, SUBJECT_KIND } from './attestation-annotations.js'
import type { JsonNode } from './json-node.js'
import { isIndex, MEDIA_TYPE, type BlobId, type Descriptor, type ImageConfig, type Index, type Manifest } from './oci.js'
import { RUNS } from './runs-annotation.js'
import type { Reference } from './reference.js'
import { through } from './through.js'

/** An SBOM lists every file of an image, so it is large for a JSON document. */
const SBOM_LIMIT = 128 << 20

/** What an image reads from: the cache that holds it. */
export interface ImageStore {
  blob(blob: BlobId): Content
  readJson(blob: BlobId, limit?: number): Promise<JsonNode>
  readIndexOrManifest(blob: BlobId): Promise<Index | Manifest>
}

interface Members {
  readonly cache: ImageStore
  readonly reference: Reference
  readonly root: Descriptor
  readonly index: Index | undefined
  readonly descriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
}

/** The image of one platform in the cache. Manifest and config are read; layers are read when asked for. */
export class CachedImage {
  readonly reference: Reference
  /** What the name stands for: an index, or the manifest itself. */
  readonly root: Descriptor
  /** Of the manifest. */
  readonly descriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
  readonly #cache: ImageStore
  readonly #index: Index | undefined

  constructor(members: Members) {
    this.reference = members.reference
    this.root = members.root
    this.descriptor = members.descriptor
    this.manifest = members.manifest
    this.config = members.config
    this.#cache = members.cache
    this.#index = members.index
  }

  /** Bytes of the layers as they are stored. */
  get size(): number {
    return this.manifest.layers.reduce((sum, { size }) => sum + size, 0)
  }

  /**
   * A layer as an uncompressed tar stream; layer 0 is the lowest. Its digest has been verified when the stream has been read to its end.
   * Reading throws `image/corrupt-blob`, or `archive/corrupt` when the layer was made broken.
   */
  layer(number: number): AsyncIterable<Uint8Array> | PartlyDeflated {
    const descriptor = this.manifest.layers[number]
    if (descriptor === undefined) throw new RangeError(`${this.reference.text} has no layer ${number}`)
    // Media types of layers differ much, but all that hold a file tree name the tar format: OCI's "layer.v1.tar+gzip", Docker's "rootfs.diff.tar.gzip".
    if (!/\btar\b/.test(descriptor.mediaType)) {
      throw new LinuxkitError('image/not-an-image', `${this.reference.text} holds no file tree but ${descriptor.mediaType}`)
    }
    const blob = this.#cache.blob(descriptor).open()
    const runs = parseRuns(descriptor.annotations?.[RUNS] ?? '')
    return runs === undefined || runs.length === 0 ? through(blob, decompress) : partlyDeflated(blob, descriptor.size, runs)
  }

  /** Manifests of the attestations about this image, from the index that it stands in (BuildKit, docs/attestations/attestation-storage.md). */
  attestations(): readonly Descriptor[] {
    return (this.#index?.manifests ?? []).filter(
      ({ annotations }) => annotations?.[SUBJECT_KIND] === ATTESTATION && annotations[SUBJECT_DIGEST] === this.descriptor.digest,
    )
  }

  /** The SPDX documents about this image, parsed. One whose blobs were not fetched along with the image is an error. */
  async sboms(): Promise<readonly unknown[]> {
    const documents: unknown[] = []
    for (const attestation of this.attestations()) {
      const manifest = await this.#cache.readIndexOrManifest(attestation)
      if (isIndex(manifest)) continue
      for (const layer of manifest.layers) {
        if (layer.mediaType !== MEDIA_TYPE.inToto || layer.annotations?.[PREDICATE_TYPE] !== SPDX_DOCUMENT) continue
        const predicate = (await this.#cache.readJson(layer, SBOM_LIMIT)).get('predicate')
        documents.push(predicate.present ? predicate.raw : predicate.fail('an SPDX document'))
      }
    }
    return documents
  }
}
