import { entry, type Entry, type Timestamp } from '../archive/entry.js'
import { TAR_END, writeTar } from '../archive/tar-writer.js'
import { textContent, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import type { ImageCache } from './cache.js'
import type { CachedImage } from './cached-image.js'
import { flattenImage } from './flatten.js'
import { LAYOUT } from './layout.js'
import { CONTAINERD_NAME, MEDIA_TYPE, REF_NAME, type BlobId, type Descriptor } from './oci.js'
import { parsePlatform } from './platform.js'
import { parseReference, withDefaultTag, type Reference } from './reference.js'

/** An OCI image layout, what `docker load` takes, or the file tree. */
export type ExportFormat = 'oci' | 'docker' | 'filesystem'

export interface ExportOptions {
  readonly format: ExportFormat
  /** Such as `linux/arm64`; `all` for everything that the cache has of the image, attestations too (format `oci` only). */
  readonly platform: string
  /** What the image is called in the archive; as in the cache when absent. */
  readonly name?: string
}

const EPOCH: Timestamp = { seconds: 0, nanoseconds: 0 }

/**
 * An image of the cache as a tar archive.
 * @throws {LinuxkitError} when reading: `image/not-found`, `image/no-platform`, `image/bad-platform`
 */
export async function* exportImage(
  cache: ImageCache,
  image: string,
  options: ExportOptions,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  for await (const bytes of writeTar(await archiveEntries(cache, parseReference(image), options, signal))) {
    signal.throwIfAborted()
    yield bytes
  }
  yield TAR_END
}

async function archiveEntries(
  cache: ImageCache,
  reference: Reference,
  options: ExportOptions,
  signal: AbortSignal,
): Promise<AsyncIterable<Entry>> {
  const { format, platform } = options
  const name = options.name === undefined ? reference : parseReference(options.name)
  if (platform === 'all') {
    if (format !== 'oci') {
      throw new LinuxkitError('image/bad-platform', `the format ${format} holds one platform only`, {
        hint: 'name the platform, or use --format oci',
      })
    }
    const root = (await cache.resolve(reference)) ?? notFound(reference)
    const { present, missing } = await cache.inventory(root)
    if (missing.size > 0) notFound(reference)
    // What is read last when the archive is made into an image comes last.
    return ociArchive(cache, root, [...present.values()].reverse(), name.text)
  }
  const image = (await cache.find(reference, parsePlatform(platform))) ?? notFound(reference)
  const { manifest, descriptor } = image
  if (format === 'oci') return ociArchive(cache, descriptor, [manifest.config, ...manifest.layers, descriptor], name.text)
  if (format === 'docker') return dockerArchive(cache, image, withDefaultTag(name).text)
  return flattenImage(image, signal, 'as met')
}

function notFound(reference: Reference): never {
  throw new LinuxkitError('image/not-found', `${reference.text} is not in the image cache`, { hint: 'see "linuxkit cache ls"' })
}

/** OCI image-spec, image-layout.md. containerd's annotation is what containerd and LinuxKit import by. */
async function* ociArchive(cache: ImageCache, root: Descriptor, blobs: readonly BlobId[], name: string): AsyncIterable<Entry> {
  yield file('oci-layout', textContent(LAYOUT))
  yield directory('blobs/')
  yield directory('blobs/sha256/')
  for (const blob of distinct(blobs)) {
    yield file(`blobs/${blob.digest.replace(':', '/')}`, cache.blob(blob))
  }
  const { mediaType, digest, size, platform } = root
  const annotations = { [CONTAINERD_NAME]: name, [REF_NAME]: name }
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests: [{ mediaType, size, digest, annotations, platform }] }
  yield file('index.json', textContent(JSON.stringify(index, undefined, 3)))
}

/** Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format". */
async function* dockerArchive(cache: ImageCache, { manifest }: CachedImage, name: string): AsyncIterable<Entry> {
  const layerFile = (blob: BlobId): string => `${hex(blob)}.tar.gz`
  const configFile = manifest.config.digest
  yield file(configFile, cache.blob(manifest.config))
  for (const blob of distinct(manifest.layers)) yield file(layerFile(blob), cache.blob(blob))
  const description = [{ Config: configFile, RepoTags: [name], Layers: manifest.layers.map(layerFile) }]
  yield file('manifest.json', textContent(JSON.stringify(description)))
}

function distinct(blobs: readonly BlobId[]): Iterable<BlobId> {
  return new Map(blobs.map((blob) => [blob.digest, blob])).values()
}

function hex({ digest }: BlobId): string {
  return digest.slice('sha256:'.length)
}

function file(path: string, content: Content): Entry {
  return entry({ path, type: 'file', mtime: EPOCH, content })
}

function directory(path: string): Entry {
  return entry({ path, type: 'directory', mtime: EPOCH })
}
