import { LinuxkitError } from '../../base/errors.js'
import { withDefaultTag, type Reference } from '../reference.js'

/** Base URLs, without a slash at the end, by the registry that they stand for; `*` is every registry without one of its own. */
export type Mirrors = ReadonlyMap<string, string>

/** Where an image is asked for. */
export interface Endpoint {
  /** URL that `/v2/…` follows. */
  readonly base: string
  /** The repository there. */
  readonly repository: string
  /** Tag or digest. */
  readonly identifier: string
}

const HUB = 'docker.io'
/** The host that serves docker.io; users know it by the short name. */
const HUB_HOST = 'registry-1.docker.io'
const HUB_NAMES: ReadonlySet<string> = new Set([HUB, 'index.docker.io', HUB_HOST])

/**
 * @param values `URL` or `registry=URL`; later ones win
 * @throws {LinuxkitError} `image/bad-mirror`
 */
export function parseMirrors(values: readonly string[]): Mirrors {
  const mirrors = new Map<string, string>()
  for (const value of values) {
    if (value === '') continue
    const equals = value.indexOf('=')
    const registry = equals === -1 ? '*' : value.slice(0, equals).replace(/\/$/, '')
    const url = value.slice(equals + 1)
    if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
      throw new LinuxkitError('image/bad-mirror', `the mirror "${value}" must be a URL that starts with http:// or https://`, {
        hint: 'write it like "https://mirror.example" or "docker.io=https://mirror.example/hub"',
      })
    }
    if (new URL(url).username !== '') {
      throw new LinuxkitError('image/bad-mirror', `the mirror ${new URL(url).host} must be named without user and password`, {
        hint: 'log in with: docker login, or give them with --registry-creds',
      })
    }
    mirrors.set(HUB_NAMES.has(registry) ? HUB : registry, url.replace(/\/+$/, ''))
  }
  return mirrors
}

/** Mirrors of the environment (`LINUXKIT_MIRROR`, separated by commas or blanks) and of flags, which win. */
export function mirrorsOf(flags: readonly string[], environment: NodeJS.ProcessEnv): Mirrors {
  return parseMirrors([...(environment['LINUXKIT_MIRROR'] ?? '').split(/[\s,]+/), ...flags])
}

/** Where to ask for an image. A mirror's path goes before the repository. */
export function endpointOf(reference: Reference, mirrors: Mirrors): Endpoint {
  const { registry, repository, tag, digest } = withDefaultTag(reference)
  const identifier = digest ?? tag ?? ''
  const mirror = mirrors.get(HUB_NAMES.has(registry) ? HUB : registry) ?? mirrors.get('*')
  if (mirror !== undefined) {
    const { origin, pathname } = new URL(mirror)
    const prefix = pathname.replace(/^\/|\/$/g, '')
    return { base: origin, repository: prefix === '' ? repository : `${prefix}/${repository}`, identifier }
  }
  const host = HUB_NAMES.has(registry) ? HUB_HOST : registry
  return { base: `${isLoopback(host) ? 'http' : 'https'}://${host}`, repository, identifier }
}

/** The name that users and `docker login` have for the registry on a host. */
export function registryName(host: string): string {
  return HUB_NAMES.has(host) ? HUB : host
}

/** Registries for tests and development speak plain HTTP; to any other host it would let everybody on the way read and change images. */
function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/.test(host)
}
