import { SUBJECT_DIGEST } from '../attestation-annotations.js'
import { platformText, type Descriptor } from '../oci.js'

/**
 * The images of an index that is about to be pushed, and those of the one that a registry has under the name for other platforms.
 * Attestations stay with the image that they are about.
 */
export function mergeManifests(ours: readonly Descriptor[], theirs: readonly Descriptor[]): readonly Descriptor[] {
  const digests = new Set(ours.map(({ digest }) => digest))
  const platforms = new Set(ours.filter(isImage).map(platformKey))
  const kept = theirs.filter((image) => isImage(image) && !platforms.has(platformKey(image)))
  const images = new Set([...ours, ...kept].map(({ digest }) => digest))
  const attestations = theirs.filter(
    (one) => !isImage(one) && images.has((one.annotations?.[SUBJECT_DIGEST] ?? '') as Descriptor['digest']),
  )
  return [...ours, ...[...kept, ...attestations].filter(({ digest }) => !digests.has(digest))]
}

/** Whether an entry of an index is an image, and not something about one. */
export function isImage({ platform, annotations }: Descriptor): boolean {
  return platform?.os !== 'unknown' && annotations?.[SUBJECT_DIGEST] === undefined
}

function platformKey({ platform }: Descriptor): string {
  return [platformText(platform), platform?.['os.version'] ?? ''].join(' ')
}
