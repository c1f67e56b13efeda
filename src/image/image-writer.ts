import { formatRuns } from '../archive/deflate-runs.js'
import { gzipTar } from '../archive/gzip-tar.js'
import { DigestMeter, type Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { SUBJECT_DIGEST } from './attestation-annotations.js'
import type { ImageCache } from './cache.js'
import {
  isIndex,
  MEDIA_TYPE,
  type Annotations,
  type Descriptor,
  type ImageConfig,
  type Index,
  type Manifest,
  type Platform,
} from './oci.js'
import { RUNS } from './runs-annotation.js'

export interface NewImage {
  /** Uncompressed tar streams, the lowest layer first. */
  readonly layers: readonly AsyncIterable<Uint8Array>[]
  /** Without `rootfs`, which is made from the layers. */
  readonly config: Omit<ImageConfig, 'rootfs'>
  /** Of the manifest. */
  readonly annotations?: Annotations
}

/** Of the compression of layers. */
const LEVEL = 6

/** Stores an image. The same image gives the same bytes. @returns its manifest, with the platform that the config names */
export async function writeImage(cache: ImageCache, image: NewImage): Promise<Descriptor> {
  const layers: Descriptor[] = []
  const diffIds: Digest[] = []
  for (const layer of image.layers) {
    const meter = new DigestMeter()
    const packed = gzipTar(meter.through(layer), LEVEL)
    const blob = await cache.writeBlob(packed.chunks)
    layers.push({ mediaType: MEDIA_TYPE.layerGzip, ...blob, annotations: { [RUNS]: formatRuns(packed.runs()) } })
    diffIds.push(meter.digest())
  }
  const config: ImageConfig = { ...image.config, rootfs: { type: 'layers', diff_ids: diffIds } }
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: await cache.writeJson(config, MEDIA_TYPE.config),
    layers,
    annotations: image.annotations,
  }
  const { architecture, os, variant } = image.config
  const platform: Platform = variant === undefined ? { architecture, os } : { architecture, os, variant }
  return { ...(await cache.writeJson(manifest, MEDIA_TYPE.manifest)), platform }
}

/** Stores an index. @param manifests of images (see {@link writeImage}) and of attestations (see `writeSbomAttestation`) */
export function writeIndex(cache: ImageCache, manifests: readonly Descriptor[]): Promise<Descriptor> {
  const index: Index = { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests }
  return cache.writeJson(index, MEDIA_TYPE.index)
}

/**
 * Files images under a name that may have images of other platforms already: those stay, those of the same platform are replaced.
 * Safe when several processes add to one name at once.
 * @returns the new index
 * @throws {LinuxkitError} `image/not-an-index` when the name stands for a single image
 */
export function addToIndex(cache: ImageCache, name: string, manifests: readonly Descriptor[]): Promise<Descriptor> {
  return cache.updateName(name, async (current) => {
    // An index that was damaged or lost cannot be added to; what is built now has to be of use all the same.
    if (current === undefined || !(await cache.hasBlob(current))) return writeIndex(cache, manifests)
    const document = await cache.readIndexOrManifest(current)
    if (isIndex(document)) return writeIndex(cache, mergeManifests(document.manifests, manifests))
    throw new LinuxkitError(
      'image/not-an-index',
      `${name} is in the cache as a single image, which images of other platforms cannot be added to`,
      {
        hint: `remove it with "linuxkit cache rm ${name}"`,
      },
    )
  })
}

/**
 * Images replace those of the same platform in their place, others follow; then come the attestations, one for each image that is still there.
 * The variant does not tell platforms apart, for it does not when an image is looked for either.
 */
export function mergeManifests(current: readonly Descriptor[], added: readonly Descriptor[]): readonly Descriptor[] {
  const images = new Map<string, Descriptor>()
  const others = new Map<string, Descriptor>()
  for (const descriptor of [...current, ...added]) {
    const { annotations, digest, platform } = descriptor
    if (platform === undefined || platform.os === 'unknown') others.set(annotations?.[SUBJECT_DIGEST] ?? digest, descriptor)
    else images.set([platform.os, platform.architecture, platform['os.version']].join('/'), descriptor)
  }
  const subjects = new Set<string>([...images.values()].map(({ digest }) => digest))
  const kept = [...others.values()].filter(({ annotations }) => {
    const subject = annotations?.[SUBJECT_DIGEST]
    return subject === undefined || subjects.has(subject)
  })
  return [...images.values(), ...kept]
}
