import { digestOf } from '../../base/digest.js'
import { LinuxkitError } from '../../base/errors.js'
import { inParallel } from '../../base/parallel.js'
import type { Progress } from '../../base/progress.js'
import { SUBJECT_DIGEST } from '../attestation-annotations.js'
import { choose, type ImageCache, type WantedPlatform } from '../cache.js'
import { JsonNode } from '../json-node.js'
import { isIndex, MEDIA_TYPE, readIndexOrManifest, type BlobId, type Descriptor, type Index, type Manifest } from '../oci.js'
import type { Reference } from '../reference.js'
import type { RegistryClient, RemoteManifest } from './client.js'

/** Layers that are fetched side by side. */
const CONNECTIONS = 4

export interface PullOptions {
  readonly cache: ImageCache
  readonly client: RegistryClient
  readonly platform: WantedPlatform
  readonly progress: Progress
}

export interface Pulled {
  readonly image: Descriptor
  readonly fromIndex: boolean
}

/**
 * Fetches an image for one platform, with what attests to it, and files it under its name once it is complete.
 * Every manifest and blob is verified against its digest; blobs that are in the cache are not fetched again.
 * @returns the image's manifest, and whether the name stands for an index that holds it
 * @throws {RegistryError}, and LinuxkitErrors `image/no-platform`, `image/corrupt-blob`
 */
export async function pullImage(reference: Reference, { cache, client, platform, progress }: PullOptions): Promise<Pulled> {
  const id = `pull ${reference.text}`
  const title = `${reference.text} from ${client.hostOf(reference)}`
  progress({ type: 'start', id, title })
  await using _ = await cache.hold()
  const root = await fetchManifest(reference, client, reference.digest)
  const manifests: readonly Fetched[] = isIndex(root.document)
    ? await fetchImages(reference, root.document, platform, client)
    : [{ ...root, document: root.document }]

  const blobs = new Map<string, BlobId>()
  for (const { document } of manifests) for (const blob of [document.config, ...document.layers]) blobs.set(blob.digest, blob)
  const missing: BlobId[] = []
  for (const blob of blobs.values()) if (!(await cache.hasBlob(blob))) missing.push(blob)

  const total = missing.reduce((sum, { size }) => sum + size, 0)
  progress({ type: 'start', id, title, total })
  const done = new Map<string, number>()
  let failed = false
  async function* counted(blob: BlobId): AsyncIterable<Uint8Array> {
    let mine = 0
    for await (const chunk of client.blob(reference, blob)) {
      mine += chunk.length
      done.set(blob.digest, mine)
      progress({ type: 'advance', id, done: [...done.values()].reduce((sum, one) => sum + one, 0) })
      yield chunk
      if (failed) throw new Error('another layer has failed')
    }
  }
  await inParallel(
    missing,
    CONNECTIONS,
    (blob) => fetchBlob(blob, counted, reference, { cache, client }),
    () => {
      failed = true
    },
  )
  for (const { bytes, descriptor } of [...manifests, root]) await cache.writeBlob(once(bytes), descriptor)
  await cache.setName(reference.text, root.descriptor, [...blobs.values(), ...[...manifests, root].map(({ descriptor }) => descriptor)])
  progress({ type: 'finish', id })
  return { image: (manifests[0] ?? root).descriptor, fromIndex: isIndex(root.document) }
}

/** A blob that was damaged on its way is fetched once more. */
async function fetchBlob(
  blob: BlobId,
  open: (blob: BlobId) => AsyncIterable<Uint8Array>,
  reference: Reference,
  { cache, client }: Pick<PullOptions, 'cache' | 'client'>,
): Promise<void> {
  const damaged = (error: unknown): error is LinuxkitError => error instanceof LinuxkitError && error.code === 'image/digest-mismatch'
  try {
    await cache.writeBlob(open(blob), blob).catch((error: unknown) => {
      if (damaged(error)) return cache.writeBlob(open(blob), blob)
      throw error
    })
  } catch (error) {
    if (!damaged(error)) throw error
    throw new LinuxkitError(error.code, `${client.hostOf(reference)} sends a damaged layer of ${reference.text}: ${error.message}`, {
      hint: 'nothing of it is kept; if it stays so, the image is damaged there, or a proxy on the way damages it',
      cause: error,
    })
  }
}

interface Fetched<Document = Manifest> {
  readonly bytes: Buffer
  readonly descriptor: Descriptor
  readonly document: Document
}

/** The image for the platform and the attestations about it. */
async function fetchImages(
  reference: Reference,
  index: Index,
  platform: WantedPlatform,
  client: RegistryClient,
): Promise<readonly Fetched[]> {
  const chosen = choose(index, reference, platform)
  const attestations = index.manifests.filter(({ annotations }) => annotations?.[SUBJECT_DIGEST] === chosen.digest)
  const fetched: Fetched[] = []
  for (const descriptor of [chosen, ...attestations]) {
    const { bytes, document } = await fetchManifest(reference, client, descriptor.digest)
    if (isIndex(document)) throw new LinuxkitError('image/nested-index', `${reference.text} has another index where an image is expected`)
    fetched.push({ bytes, descriptor, document })
  }
  return fetched
}

async function fetchManifest(reference: Reference, client: RegistryClient, digest: string | undefined): Promise<Fetched<Index | Manifest>> {
  const remote = await client.manifest(reference, digest)
  const document = readIndexOrManifest(JsonNode.parse(remote.bytes.toString('utf8'), `the manifest of ${reference.text}`))
  return {
    bytes: remote.bytes,
    document,
    descriptor: { mediaType: mediaTypeOf(remote, document), digest: digestOf(remote.bytes), size: remote.bytes.length },
  }
}

/** What the document says it is counts; a registry may send it as plain JSON. */
function mediaTypeOf({ mediaType }: RemoteManifest, document: Index | Manifest): string {
  if (document.mediaType !== undefined) return document.mediaType
  if (mediaType.includes('+json')) return mediaType
  return isIndex(document) ? MEDIA_TYPE.index : MEDIA_TYPE.manifest
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
