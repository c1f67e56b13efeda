import type { ImageCache } from './cache.js'
import { ATTESTATION, PREDICATE_TYPE, SPDX_DOCUMENT, SUBJECT_DIGEST, SUBJECT_KIND } from './attestation-annotations.js'
import { MEDIA_TYPE, type Descriptor, type Platform } from './oci.js'

/** Entries of an index that are not images have this platform, so that no container engine picks them. */
const NO_PLATFORM: Platform = { architecture: 'unknown', os: 'unknown' }

/**
 * Stores SBOMs of an image as an attestation: one in-toto statement (in-toto attestation framework, v0.1) for each, as the layers of a manifest of their own.
 * @param subject the manifest of the image
 * @param name the image's name, as the statements give it
 * @param documents SPDX documents
 * @returns the entry to put beside the image into its index
 */
export async function writeSbomAttestation(
  cache: ImageCache,
  subject: Descriptor,
  name: string,
  documents: readonly unknown[],
): Promise<Descriptor> {
  const layers: Descriptor[] = []
  for (const predicate of documents) {
    const statement = {
      _type: 'https://in-toto.io/Statement/v0.1',
      predicateType: SPDX_DOCUMENT,
      subject: [{ name, digest: { sha256: subject.digest.slice('sha256:'.length) } }],
      predicate,
    }
    layers.push({ ...(await cache.writeJson(statement, MEDIA_TYPE.inToto)), annotations: { [PREDICATE_TYPE]: SPDX_DOCUMENT } })
  }
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) }
  const config = await cache.writeJson({ ...NO_PLATFORM, rootfs }, MEDIA_TYPE.config)
  const manifest = await cache.writeJson({ schemaVersion: 2, mediaType: MEDIA_TYPE.manifest, config, layers }, MEDIA_TYPE.manifest)
  return { ...manifest, annotations: { [SUBJECT_KIND]: ATTESTATION, [SUBJECT_DIGEST]: subject.digest }, platform: NO_PLATFORM }
}
