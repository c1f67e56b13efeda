import { isDigest, type Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'

/** The name of an image: where it is kept, and which of those kept there is meant. */
export interface Reference {
  /** Host of the registry, with port when it has one: `docker.io`, `localhost:5000`. */
  readonly registry: string
  /** Path within the registry: `library/redis`. */
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: Digest | undefined
  /** `registry/repository[:tag][@digest]`: the key under which the cache files the image, also used in messages and metadata. */
  readonly text: string
}

const DEFAULT_REGISTRY = 'docker.io'
const DEFAULT_TAG = 'latest'

const REGISTRY = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?$/
// OCI distribution-spec, "Pulling manifests": grammar of <name> and of <reference> as a tag.
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/**
 * Reads an image name as people write it: `redis` means `docker.io/library/redis`, `linuxkit/init:v1` means `docker.io/linuxkit/init:v1`.
 * No tag is added: LinuxKit files an untagged image under its untagged name; see {@link withDefaultTag}.
 * @throws {LinuxkitError} `image/bad-reference`
 */
export function parseReference(text: string): Reference {
  if (text.includes('://')) throw bad(text, 'it is not a URL', `leave out "${text.slice(0, text.indexOf('://') + 3)}"`)
  const expanded = expandName(text)
  const [tagged = '', digest, ...surplus] = expanded.split('@')
  const colon = tagged.lastIndexOf(':')
  const hasTag = colon > tagged.lastIndexOf('/')
  const name = hasTag ? tagged.slice(0, colon) : tagged
  const tag = hasTag ? tagged.slice(colon + 1) : undefined
  const slash = name.indexOf('/')
  const registry = name.slice(0, slash)
  const repository = name.slice(slash + 1)

  if (!REGISTRY.test(registry)) throw bad(text, `"${registry}" is not the name of a registry`)
  if (!repository.split('/').every((component) => COMPONENT.test(component))) {
    const lower = repository.toLowerCase()
    const mendable = lower.split('/').every((component) => COMPONENT.test(component))
    throw bad(text, `"${repository}" is not the name of a repository`, mendable ? `write "${lower}": names are lower case` : undefined)
  }
  if (tag !== undefined && !TAG.test(tag)) throw bad(text, `"${tag}" is not a tag`, 'tags consist of letters, digits, ".", "_" and "-"')
  if (digest !== undefined && (surplus.length > 0 || !isDigest(digest))) {
    throw bad(text, `"${[digest, ...surplus].join('@')}" is not a digest`, 'a digest is "sha256:" and 64 hexadecimal digits')
  }
  return make(registry, repository, tag, digest)
}

/** The reference with tag `latest` when it has neither tag nor digest: what a registry is asked for. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference
  return make(reference.registry, reference.repository, DEFAULT_TAG, undefined)
}

/** The name with its registry, whether or not it is a valid one: it is local to Docker Hub unless its first part looks like a host; three parts or more always begin with the host. */
export function expandName(text: string): string {
  const parts = text.split('/')
  const first = parts[0] ?? ''
  if (parts.length === 1) return `${DEFAULT_REGISTRY}/library/${text}`
  if (parts.length === 2 && !/[.:]/.test(first) && first !== 'localhost') return `${DEFAULT_REGISTRY}/${text}`
  return text
}

function make(registry: string, repository: string, tag: string | undefined, digest: Digest | undefined): Reference {
  const text = `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
  return { registry, repository, tag, digest, text }
}

function bad(
  text: string,
  reason: string,
  hint = 'an image is named like "linuxkit/init:v1" or "registry.example/path/name:tag"',
): LinuxkitError {
  return new LinuxkitError('image/bad-reference', `"${text}" is not an image name: ${reason}`, { hint })
}
