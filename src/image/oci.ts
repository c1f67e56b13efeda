import { isDigest, type Digest } from '../base/digest.js'
import type { JsonNode } from './json-node.js'

/** OCI image-spec, media-types.md, and their Docker elders (distribution, manifest v2 schema 2). Both are stored as they come. */
export const MEDIA_TYPE = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  inToto: 'application/vnd.in-toto+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const

/** OCI image-spec, annotations.md: holds the image name in index.json. */
export const REF_NAME = 'org.opencontainers.image.ref.name'

/** containerd's name for the same, with registry and tag (containerd, images/annotations.go). */
export const CONTAINERD_NAME = 'io.containerd.image.name'

/** What identifies bytes: enough to fetch and to verify them. */
export interface BlobId {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

export interface Platform {
  readonly architecture: string
  readonly os: string
  readonly 'os.version'?: string | undefined
  readonly 'os.features'?: readonly string[] | undefined
  readonly variant?: string | undefined
}

/** OCI image-spec, descriptor.md. */
export interface Descriptor extends BlobId {
  readonly mediaType: string
  readonly urls?: readonly string[] | undefined
  readonly annotations?: Annotations | undefined
  readonly platform?: Platform | undefined
  readonly artifactType?: string | undefined
}

export type Annotations = Readonly<Record<string, string>>

/** OCI image-spec, image-index.md. */
export interface Index {
  readonly schemaVersion: 2
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
  readonly annotations?: Annotations | undefined
}

/** OCI image-spec, manifest.md. */
export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly annotations?: Annotations | undefined
}

/** OCI image-spec, config.md. */
export interface ImageConfig extends Platform {
  readonly created?: string | undefined
  readonly author?: string | undefined
  readonly config?: ContainerDefaults | undefined
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] }
  readonly history?: readonly History[] | undefined
}

/** What a container made from the image starts with. */
export interface ContainerDefaults {
  readonly User?: string | undefined
  readonly Env?: readonly string[] | undefined
  readonly Entrypoint?: readonly string[] | undefined
  readonly Cmd?: readonly string[] | undefined
  readonly WorkingDir?: string | undefined
  readonly Labels?: Readonly<Record<string, string>> | undefined
  readonly StopSignal?: string | undefined
}

export interface History {
  readonly created?: string | undefined
  readonly created_by?: string | undefined
  readonly comment?: string | undefined
  readonly empty_layer?: boolean | undefined
}

const INDEX_OR_MANIFEST: ReadonlySet<string> = new Set([
  MEDIA_TYPE.index,
  MEDIA_TYPE.manifest,
  MEDIA_TYPE.dockerIndex,
  MEDIA_TYPE.dockerManifest,
])

/** Whether a descriptor is of a document that names other blobs. */
export function isIndexOrManifest({ mediaType }: Descriptor): boolean {
  return INDEX_OR_MANIFEST.has(mediaType)
}

export function isIndex(document: Index | Manifest): document is Index {
  return 'manifests' in document
}

/** `linux/arm64/v8`, for messages. */
export function platformText(platform: Platform | undefined): string {
  if (platform === undefined) return 'no platform'
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined && part !== '').join('/')
}

/**
 * Reads an index or a manifest. The members decide which it is, not the media type of the descriptor: exporters are known to get that wrong.
 * A document that is both at once is refused, since two programs would see two different images in it (OCI image-spec, manifest.md "mediaType").
 */
export function readIndexOrManifest(node: JsonNode): Index | Manifest {
  const isManifest = node.get('config').present || node.get('layers').present
  if (isManifest && node.get('manifests').present) return node.fail('either an index or a manifest')
  return isManifest ? readManifest(node) : readIndex(node)
}

export function readIndex(node: JsonNode): Index {
  return {
    schemaVersion: readSchemaVersion(node.get('schemaVersion')),
    mediaType: node.get('mediaType').optional(text) ?? MEDIA_TYPE.index,
    manifests: node.get('manifests').optional((list) => list.list(readDescriptor)) ?? [],
    annotations: node.get('annotations').optional(texts),
  }
}

function readManifest(node: JsonNode): Manifest {
  return {
    schemaVersion: readSchemaVersion(node.get('schemaVersion')),
    mediaType: node.get('mediaType').optional(text) ?? MEDIA_TYPE.manifest,
    config: readDescriptor(node.get('config')),
    layers: node.get('layers').optional((list) => list.list(readDescriptor)) ?? [],
    annotations: node.get('annotations').optional(texts),
  }
}

export function readImageConfig(node: JsonNode): ImageConfig {
  const rootfs = node.get('rootfs')
  return {
    ...readPlatform(node),
    created: node.get('created').optional(text),
    author: node.get('author').optional(text),
    config: node.get('config').optional(readContainerDefaults),
    rootfs: { type: 'layers', diff_ids: rootfs.get('diff_ids').optional((list) => list.list(readDigest)) ?? [] },
    history: node.get('history').optional((list) => list.list(readHistory)),
  }
}

function readContainerDefaults(node: JsonNode): ContainerDefaults {
  return {
    User: node.get('User').optional(text),
    Env: node.get('Env').optional((list) => list.strings()),
    Entrypoint: node.get('Entrypoint').optional((list) => list.strings()),
    Cmd: node.get('Cmd').optional((list) => list.strings()),
    WorkingDir: node.get('WorkingDir').optional(text),
    Labels: node.get('Labels').optional(texts),
    StopSignal: node.get('StopSignal').optional(text),
  }
}

function readHistory(node: JsonNode): History {
  return {
    created: node.get('created').optional(text),
    created_by: node.get('created_by').optional(text),
    comment: node.get('comment').optional(text),
    empty_layer: node.get('empty_layer').optional((flag) => flag.boolean()),
  }
}

function readDescriptor(node: JsonNode): Descriptor {
  return {
    mediaType: node.get('mediaType').string(),
    digest: readDigest(node.get('digest')),
    size: node.get('size').count(),
    urls: node.get('urls').optional((list) => list.strings()),
    annotations: node.get('annotations').optional(texts),
    platform: node.get('platform').optional(readPlatform),
    artifactType: node.get('artifactType').optional(text),
  }
}

function readPlatform(node: JsonNode): Platform {
  return {
    architecture: node.get('architecture').string(),
    os: node.get('os').string(),
    'os.version': node.get('os.version').optional(text),
    'os.features': node.get('os.features').optional((list) => list.strings()),
    variant: node.get('variant').optional(text),
  }
}

function readDigest(node: JsonNode): Digest {
  const digest = node.string()
  return isDigest(digest) ? digest : node.fail('a sha256 digest')
}

function readSchemaVersion(node: JsonNode): 2 {
  return node.raw === 2 ? 2 : node.fail('2')
}

function text(node: JsonNode): string {
  return node.string()
}

function texts(node: JsonNode): Readonly<Record<string, string>> {
  return node.record(text)
}
