import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { isSystemError, LinuxkitError } from '../../base/errors.js'
import { askHelper } from './credential-helper.js'
import type { Credentials } from './credentials.js'

interface StoredCredentials {
  readonly auth?: string
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
  readonly registrytoken?: string
}

/** Docker's config.json, which containers/image's auth.json has in common with it as far as credentials go. */
interface DockerConfig {
  readonly auths?: Readonly<Record<string, StoredCredentials>>
  readonly credsStore?: string
  readonly credHelpers?: Readonly<Record<string, string>>
}

/** Under this key Docker files the credentials of Docker Hub. */
const HUB_KEY = 'https://index.docker.io/v1/'

/**
 * The credentials that `docker login`, or `skopeo login`, has stored for a registry; undefined when there are none.
 * @param registry as references have it: `docker.io`, `localhost:5000`
 * @param repository credentials may be for some repositories only
 * @throws {LinuxkitError} `image/credentials` for a configuration that cannot be read, or a helper that fails: with what to do about it
 */
export async function findCredentials(
  registry: string,
  repository: string,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  for (const file of configFiles(environment)) {
    const config = await readConfig(file)
    if (config === undefined) continue
    const servers = registry === 'docker.io' ? [HUB_KEY, registry] : [registry, `https://${registry}`]
    for (const key of [...repositoryKeys(registry, repository), ...servers, `https://${registry}/v1/`, `https://${registry}/v2/`]) {
      const stored = storedCredentials(config.auths?.[key])
      if (stored !== undefined) return stored
    }
    const helper = servers.map((key) => config.credHelpers?.[key]).find((name) => name !== undefined) ?? config.credsStore
    if (helper === undefined) return undefined
    for (const server of servers) {
      const found = await askHelper(helper, server, file, signal)
      if (found !== undefined) return found
    }
    return undefined
  }
  return undefined
}

/** Docker's own file; without one, those of containers/image (containers-auth.json(5)). The first that is there counts alone. */
function configFiles(environment: NodeJS.ProcessEnv): readonly string[] {
  const runtime = environment['XDG_RUNTIME_DIR']
  return [
    join(environment['DOCKER_CONFIG'] || join(environment['HOME'] || homedir(), '.docker'), 'config.json'),
    environment['REGISTRY_AUTH_FILE'] ?? '',
    runtime === undefined || runtime === '' ? '' : join(runtime, 'containers', 'auth.json'),
  ].filter((file) => file !== '')
}

async function readConfig(file: string): Promise<DockerConfig | undefined> {
  try {
    const config: unknown = JSON.parse(await readFile(file, 'utf8'))
    return typeof config === 'object' && config !== null ? config : {}
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    // Without the cause: a parser's message quotes what it stumbles over.
    throw new LinuxkitError('image/credentials', `the credentials in ${file} cannot be read`, {
      hint: 'mend the file, or name another directory with DOCKER_CONFIG',
    })
  }
}

/** `host/a/b`, then `host/a`. */
function repositoryKeys(registry: string, repository: string): readonly string[] {
  const parts = repository.split('/')
  return parts.map((_, index) => [registry, ...parts.slice(0, parts.length - index)].join('/'))
}

function storedCredentials(stored: StoredCredentials | undefined): Credentials | undefined {
  if (stored === undefined) return undefined
  const { auth, username, password, identitytoken, registrytoken } = stored
  if (identitytoken) return { type: 'identity-token', token: identitytoken }
  if (registrytoken) return { type: 'registry-token', token: registrytoken }
  if (username && password) return { type: 'password', username, password }
  if (!auth) return undefined
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1 ? undefined : { type: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) }
}
