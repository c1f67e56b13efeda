import { readAll } from '../base/content.js'
import { digestOf, type Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { choose, type WantedPlatform } from './cache.js'
import { lockedPlatform, lockKey, type ImageLock, type LockedImage, type LockedPlatform } from './image-lock.js'
import { JsonNode } from './json-node.js'
import { isIndex, platformText, readImageConfig, readIndexOrManifest, type ImageConfig, type Index, type Manifest } from './oci.js'
import type { Reference } from './reference.js'
import type { RegistryClient } from './registry/client.js'

/** An image that is locked to something else from now on; undefined where it is not in the lock. */
export interface Move {
  readonly name: string
  readonly old: Locked | undefined
  readonly new: Locked | undefined
}

/** An image of a lock, and what is known of the platform that was asked for. */
export interface Locked {
  readonly digest: Digest
  readonly platform: LockedPlatform | undefined
}

const JSON_LIMIT = 4 << 20

/**
 * What registries have now under the names of a lock.
 * @param platform of which size and age are asked for
 * @returns the new lock, and in what it differs
 * @throws {LinuxkitError} when a registry does not have an image, or none for the platform
 */
export async function updatedLock(
  references: readonly Reference[],
  previous: ImageLock | undefined,
  client: RegistryClient,
  platform: WantedPlatform,
): Promise<{ readonly lock: ImageLock; readonly moves: readonly Move[] }> {
  const lock = new Map<string, LockedImage>()
  for (const reference of references) {
    const key = lockKey(reference)
    if (lock.has(key)) continue
    const before = previous?.get(key)
    const { bytes } = await client.manifest(reference)
    lock.set(key, before?.digest === digestOf(bytes) ? before : await remoteImage(reference, bytes, client, platform))
  }
  const names = [...new Set([...lock.keys(), ...(previous?.keys() ?? [])])].sort()
  const moves: Move[] = []
  for (const name of names) {
    const [before, after] = [locked(previous?.get(name), platform), locked(lock.get(name), platform)]
    if (before?.digest !== after?.digest) moves.push({ name, old: before, new: after })
  }
  return { lock, moves }
}

function locked(image: LockedImage | undefined, { os, architecture }: WantedPlatform): Locked | undefined {
  if (image === undefined) return undefined
  const found = Object.entries(image.platforms).find(
    ([text]) => text === `${os}/${architecture}` || text.startsWith(`${os}/${architecture}/`),
  )
  return { digest: image.digest, platform: found?.[1] }
}

async function remoteImage(reference: Reference, bytes: Buffer, client: RegistryClient, wanted: WantedPlatform): Promise<LockedImage> {
  const document = parse(bytes, reference)
  if (!isIndex(document)) {
    const config = await remoteConfig(reference, document, client)
    return { digest: digestOf(bytes), platforms: { [platformText(config)]: lockedPlatform(digestOf(bytes), document, config) } }
  }
  const chosen = choose(document, reference, wanted)
  const platforms: Record<string, LockedPlatform> = {}
  for (const { digest, platform } of document.manifests) {
    if (platform !== undefined && platform.os !== 'unknown') platforms[platformText(platform)] = { digest }
  }
  const manifest = parse(verified((await client.manifest(reference, chosen.digest)).bytes, chosen.digest, reference), reference)
  if (isIndex(manifest)) throw new LinuxkitError('image/nested-index', `${reference.text} has another index where an image is expected`)
  const config = await remoteConfig(reference, manifest, client)
  platforms[platformText(chosen.platform)] = lockedPlatform(chosen.digest, manifest, config)
  return { digest: digestOf(bytes), platforms }
}

async function remoteConfig(reference: Reference, { config }: Manifest, client: RegistryClient): Promise<ImageConfig> {
  const bytes = verified(await readAll(client.blob(reference, config), JSON_LIMIT), config.digest, reference)
  return readImageConfig(JsonNode.parse(bytes.toString('utf8'), config.digest))
}

function parse(bytes: Buffer, reference: Reference): Index | Manifest {
  return readIndexOrManifest(JsonNode.parse(bytes.toString('utf8'), `the manifest of ${reference.text}`))
}

function verified(bytes: Buffer, digest: Digest, reference: Reference): Buffer {
  if (digestOf(bytes) === digest) return bytes
  throw new LinuxkitError('image/corrupt-blob', `the registry of ${reference.text} sends something else than ${digest}`)
}
