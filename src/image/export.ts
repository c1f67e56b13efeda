import { entry, type Entry, type Timestamp } from '../archive/entry.js'
import { TAR_END, writeTar } from '../archive/tar-writer.js'
import { textContent, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import type { ImageCache } from './cache.js'
import type { CachedImage } from './cached-image.js'
import { flattenImage } from './flatten.js'
import { LAYOUT } from './layout.js'
import { CONTAINERD_NAME, MEDIA_TYPE, REF_NAME, type BlobId } from './oci.js'
import { parsePlatform } from './platform.js'
import { parseReference, withDefaultTag, type Reference } from './reference.js'

/** An OCI image layout, what `docker load` takes, or the file tree. */
export type ExportFormat = 'oci' | 'docker' | 'filesystem'

export interface ExportOptions {
  readonly format: ExportFormat
  /** Such as `linux/arm64`. */
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
  const reference = parseReference(image)
  const found = await cache.find(reference, parsePlatform(options.platform))
  if (found === undefined) {
    throw new LinuxkitError('image/not-found', `${reference.text} is not in the image cache`, { hint: 'see "linuxkit cache ls"' })
  }
  const name = options.name === undefined ? reference : parseReference(options.name)
  for await (const bytes of writeTar(archiveEntries(cache, found, options.format, name, signal))) {
    signal.throwIfAborted()
    yield bytes
  }
  yield TAR_END
}

function archiveEntries(
  cache: ImageCache,
  image: CachedImage,
  format: ExportFormat,
  name: Reference,
  signal: AbortSignal,
): AsyncIterable<Entry> {
  if (format === 'oci') return ociArchive(cache, image, name.text)
  if (format === 'docker') return dockerArchive(cache, image, withDefaultTag(name).text)
  return flattenImage(image, signal, 'as met')
}

/** OCI image-spec, image-layout.md. containerd's annotation is what containerd and LinuxKit import by. */
async function* ociArchive(cache: ImageCache, { manifest, descriptor }: CachedImage, name: string): AsyncIterable<Entry> {
  yield file('oci-layout', textContent(LAYOUT))
  yield directory('blobs/')
  yield directory('blobs/sha256/')
  for (const blob of distinct([manifest.config, ...manifest.layers, descriptor])) {
    yield file(`blobs/${blob.digest.replace(':', '/')}`, cache.blob(blob))
  }
  const { mediaType, digest, size, platform } = descriptor
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
