import { decompress } from '../archive/decompress.js'
import { cleanPath } from '../archive/path.js'
import type { Entry } from '../archive/entry.js'
import { readTar } from '../archive/tar-reader.js'
import { readAll } from '../base/content.js'
import { isDigest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { SUBJECT_DIGEST } from './attestation-annotations.js'
import type { ImageCache } from './cache.js'
import { DockerArchive } from './docker-archive.js'
import { JsonNode } from './json-node.js'
import { CONTAINERD_NAME, readIndex, REF_NAME, type BlobId, type Descriptor } from './oci.js'
import { parseReference } from './reference.js'

/** No index.json that people make comes near this; it is held in memory. */
const INDEX_LIMIT = 4 << 20

/** An image of an archive, which is in the cache now but not filed there. */
export interface ArchivedImage {
  /** What the archive calls it. */
  readonly name: string | undefined
  readonly descriptor: Descriptor
}

export interface Imported {
  readonly images: readonly ImportedImage[]
  /** Images that were not filed, because the archive gives them no full name; others have one. */
  readonly nameless: readonly Descriptor[]
}

export interface ImportedImage {
  /** The full name. */
  readonly name: string
  /** Blobs that the archive should have had and did not: the image cannot be used before they are there. */
  readonly missing: readonly BlobId[]
}

/**
 * Stores the images of an archive: an image layout as a tar file, compressed or not, as containerd, BuildKit, skopeo and new Dockers write it, or what older
 * Dockers save. Every blob is verified against its name.
 * @param name files the only image of the archive under this name; without it, images are filed under the names that the archive gives them
 * @throws {LinuxkitError} `image/bad-archive`
 */
export async function importImages(
  cache: ImageCache,
  archive: AsyncIterable<Uint8Array>,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Imported> {
  const wanted = name === undefined ? undefined : parseReference(name).text
  await using _ = await cache.hold()
  const images = await storeArchive(cache, archive, signal)
  const { named, nameless } =
    wanted === undefined ? byName(images) : { named: [{ name: wanted, descriptor: onlyImage(images, wanted) }], nameless: [] }
  const imported: (ImportedImage & { readonly descriptor: Descriptor; readonly present: readonly BlobId[] })[] = []
  for (const { name, descriptor } of named) {
    if (!(await cache.hasBlob(descriptor))) throw bad(`${descriptor.digest} of ${name} is missing`)
    const { present, missing } = await cache.inventory(descriptor)
    imported.push({ name, descriptor, present: [...present.values()], missing: [...missing.values()] })
  }
  for (const { name, descriptor, present } of imported) await cache.setName(name, descriptor, present)
  return { images: imported, nameless }
}

/**
 * Stores what is in an archive without giving it names; the caller holds the cache (see `ImageCache.hold`) until it has filed it.
 * @throws {LinuxkitError} `image/bad-archive`
 */
export async function storeArchive(
  cache: ImageCache,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<readonly ArchivedImage[]> {
  let index: string | undefined
  const docker = new DockerArchive(cache)
  for await (const entry of archiveEntries(archive)) {
    signal.throwIfAborted()
    const path = cleanPath(entry.path)
    if (entry.type === 'file' && path === 'index.json') {
      if (entry.content.size > INDEX_LIMIT) throw bad(`its index.json has more than ${INDEX_LIMIT} bytes`)
      index = (await readAll(entry.content.open(), INDEX_LIMIT)).toString('utf8')
    } else if (entry.type === 'file' && path.startsWith('blobs/')) {
      const digest = path.slice('blobs/'.length).replace('/', ':')
      if (!isDigest(digest)) throw bad(`"${path}" is not named by a sha256 digest`)
      docker.addBlob(path, await cache.writeBlob(entry.content.open(), { digest, size: entry.content.size }))
    } else if (path !== 'oci-layout') await docker.add({ ...entry, path })
  }
  if (index !== undefined) {
    const { manifests } = readIndex(JsonNode.parse(index, 'index.json of the archive'))
    return manifests.map((descriptor) => ({ name: nameOf(descriptor), descriptor }))
  }
  if (docker.manifest !== undefined) return docker.images(signal)
  throw bad(
    'it has neither index.json nor manifest.json',
    'use an OCI archive, such as "skopeo copy" or "linuxkit cache export" write, or what "docker save" writes',
  )
}

/** Attestations need no name. */
function byName(images: readonly ArchivedImage[]): {
  readonly named: readonly { readonly name: string; readonly descriptor: Descriptor }[]
  readonly nameless: readonly Descriptor[]
} {
  if (images.length === 0) throw bad('it has no images')
  const known = new Set(images.flatMap(({ name, descriptor }) => (name === undefined ? [] : descriptor.digest)))
  const nameless = images.filter(
    ({ descriptor }) => !known.has(descriptor.digest) && descriptor.annotations?.[SUBJECT_DIGEST] === undefined,
  )
  if (known.size === 0) {
    const which = nameless.map(({ descriptor }) => descriptor.digest).join(', ')
    const tag = nameless[0]?.descriptor.annotations?.[REF_NAME]
    throw bad(
      `no full name is given to ${which}${tag === undefined ? '' : `, only "${tag}"`}`,
      images.length === 1
        ? 'give it one with --name'
        : `names are read from the annotations ${CONTAINERD_NAME} and ${REF_NAME} in its index.json; copy the images into archives of their own, and import these with --name`,
    )
  }
  return {
    named: images.flatMap(({ name, descriptor }) => (name === undefined ? [] : { name: fullName(name), descriptor })),
    nameless: nameless.map(({ descriptor }) => descriptor),
  }
}

function fullName(name: string): string {
  try {
    return parseReference(name).text
  } catch (error) {
    throw error instanceof LinuxkitError ? bad(error.message, 'give it another name with --name') : error
  }
}

/** @throws {LinuxkitError} `image/bad-archive` when there is none, or several different ones */
export function onlyImage(images: readonly ArchivedImage[], wanted: string): Descriptor {
  const distinct = new Map(images.map(({ descriptor }) => [descriptor.digest, descriptor]))
  const [first] = distinct.values()
  if (first === undefined) throw bad('it has no images')
  if (distinct.size > 1) throw bad(`it has ${distinct.size} images, so that they cannot all be named ${wanted}`)
  return first
}

async function* archiveEntries(archive: AsyncIterable<Uint8Array>): AsyncIterable<Entry> {
  try {
    yield* readTar(decompress(archive))
  } catch (error) {
    throw error instanceof LinuxkitError && error.code.startsWith('archive/') ? bad(error.message) : error
  }
}

/** The name that containerd gave, else the standard one when it is more than a mere tag, which is all that many programs write. */
function nameOf({ annotations }: Descriptor): string | undefined {
  const { [CONTAINERD_NAME]: full, [REF_NAME]: standard } = annotations ?? {}
  return full ?? (standard !== undefined && /[/:]/.test(standard) ? standard : undefined)
}

function bad(reason: string, hint?: string): LinuxkitError {
  return new LinuxkitError('image/bad-archive', `cannot load images from the archive: ${reason}`, { hint })
}
