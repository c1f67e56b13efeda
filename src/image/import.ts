import { decompress } from '../archive/decompress.js'
import { cleanPath } from '../archive/path.js'
import type { Entry } from '../archive/entry.js'
import { readTar } from '../archive/tar-reader.js'
import { readAll } from '../base/content.js'
import { isDigest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import type { ImageCache } from './cache.js'
import { JsonNode } from './json-node.js'
import { CONTAINERD_NAME, readIndex, REF_NAME, type Descriptor } from './oci.js'
import { parseReference } from './reference.js'

/** No index.json that people make comes near this; it is held in memory. */
const INDEX_LIMIT = 4 << 20

/**
 * Stores the images of an OCI archive: an image layout as a tar file, compressed or not, as containerd, BuildKit, skopeo and new Dockers write it.
 * Every blob is verified against its name.
 * @param name files the only image of the archive under this name; without it, images are filed under the names that the archive gives them
 * @returns the full names
 * @throws {LinuxkitError} `image/bad-archive`
 */
export async function importImages(
  cache: ImageCache,
  archive: AsyncIterable<Uint8Array>,
  name: string | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const wanted = name === undefined ? undefined : parseReference(name).text
  let index: string | undefined
  for await (const entry of archiveEntries(archive)) {
    signal.throwIfAborted()
    if (entry.type !== 'file') continue
    const path = cleanPath(entry.path)
    if (path === 'index.json') {
      if (entry.content.size > INDEX_LIMIT) throw bad(`its index.json has more than ${INDEX_LIMIT} bytes`)
      index = (await readAll(entry.content.open(), INDEX_LIMIT)).toString('utf8')
    } else if (path.startsWith('blobs/')) {
      const digest = path.slice('blobs/'.length).replace('/', ':')
      if (!isDigest(digest)) throw bad(`"${path}" is not named by a sha256 digest`)
      await cache.writeBlob(entry.content.open(), { digest, size: entry.content.size })
    }
  }
  if (index === undefined) throw bad('it has no index.json', 'use an OCI archive, such as "skopeo copy" or "linuxkit cache export" write')

  const { manifests } = readIndex(JsonNode.parse(index, 'index.json of the archive'))
  const images = wanted === undefined ? manifests.flatMap(named) : manifests.map((descriptor) => ({ name: wanted, descriptor }))
  if (images.length === 0) throw bad('none of its images has a full name', 'give it one with --name')
  if (wanted !== undefined && images.length > 1) throw bad(`it has ${images.length} images, so that they cannot all be named ${wanted}`)
  for (const { name, descriptor } of images) {
    if (!(await cache.hasBlob(descriptor))) throw bad(`${descriptor.digest} of ${name} is missing`)
  }
  for (const { name, descriptor } of images) await cache.setName(name, descriptor)
  return images.map(({ name }) => name)
}

async function* archiveEntries(archive: AsyncIterable<Uint8Array>): AsyncIterable<Entry> {
  try {
    yield* readTar(decompress(archive))
  } catch (error) {
    throw error instanceof LinuxkitError && error.code.startsWith('archive/') ? bad(error.message) : error
  }
}

/** The name that containerd gave, else the standard one when it is more than a mere tag, which is all that many programs write. */
function named(descriptor: Descriptor): readonly { readonly name: string; readonly descriptor: Descriptor }[] {
  const { [CONTAINERD_NAME]: full, [REF_NAME]: standard } = descriptor.annotations ?? {}
  const name = full ?? (standard?.includes('/') === true ? standard : undefined)
  return name === undefined ? [] : [{ name: parseReference(name).text, descriptor }]
}

function bad(reason: string, hint?: string): LinuxkitError {
  return new LinuxkitError('image/bad-archive', `cannot load images from the archive: ${reason}`, { hint })
}
