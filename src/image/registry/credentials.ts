import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { isSystemError, LinuxkitError } from '../../base/errors.js'
import { runStatus } from '../../base/exec.js'

/** What a registry knows a user by. */
export type Credentials =
  | { readonly type: 'password'; readonly username: string; readonly password: string }
  /** An OAuth 2 refresh token. */
  | { readonly type: 'identity-token'; readonly token: string }

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>
  readonly credsStore?: string
  readonly credHelpers?: Readonly<Record<string, string>>
}

/** Under this key Docker files the credentials of Docker Hub. */
const HUB_KEY = 'https://index.docker.io/v1/'

/**
 * The credentials that `docker login` has stored for a registry; undefined when there are none.
 * @param registry as references have it: `docker.io`, `localhost:5000`
 * @throws {LinuxkitError} `image/credentials` for a configuration that cannot be read, or a helper that fails: with what to do about it
 */
export async function findCredentials(
  registry: string,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const file = join(environment['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json')
  const config = await readConfig(file)
  if (config === undefined) return undefined
  const keys = registry === 'docker.io' ? [HUB_KEY, 'docker.io'] : [registry, `https://${registry}`]
  const helper = keys.map((key) => config.credHelpers?.[key]).find((name) => name !== undefined) ?? config.credsStore
  for (const key of keys) {
    const found = storedCredentials(config, key) ?? (helper === undefined ? undefined : await askHelper(helper, key, file, signal))
    if (found !== undefined) return found
  }
  return undefined
}

async function readConfig(file: string): Promise<DockerConfig | undefined> {
  try {
    const config: unknown = JSON.parse(await readFile(file, 'utf8'))
    return typeof config === 'object' && config !== null ? config : {}
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw new LinuxkitError('image/credentials', `the credentials in ${file} cannot be read`, {
      hint: 'mend the file, or name another directory with DOCKER_CONFIG',
      cause: error,
    })
  }
}

function storedCredentials({ auths }: DockerConfig, key: string): Credentials | undefined {
  const stored = auths?.[key]
  if (stored?.identitytoken !== undefined && stored.identitytoken !== '') return { type: 'identity-token', token: stored.identitytoken }
  if (stored?.auth === undefined || stored.auth === '') return undefined
  const text = Buffer.from(stored.auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1 ? undefined : { type: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Asks a program that keeps credentials (docker-credential-helpers, "Development": `get` with the server on standard input). */
async function askHelper(helper: string, server: string, file: string, signal: AbortSignal): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`
  const fail = (reason: string, cause?: unknown): LinuxkitError =>
    new LinuxkitError('image/credentials', `the credential helper ${program}, which ${file} names, ${reason}`, {
      hint: `take "${helper}" out of the file for anonymous access, or log in again`,
      cause,
    })
  const result = await runStatus(program, ['get'], { signal, input: server }).catch((error: unknown) => {
    signal.throwIfAborted()
    throw fail('cannot be run', error)
  })
  if (result.status !== 0) {
    const words = `${result.stdout}${result.stderr}`
    if (/not found/i.test(words)) return undefined
    throw fail(`fails: ${words.trim().split('\n')[0] ?? ''}`)
  }
  try {
    const { Username, Secret } = JSON.parse(result.stdout) as { readonly Username?: unknown; readonly Secret?: unknown }
    if (typeof Username !== 'string' || typeof Secret !== 'string' || Secret === '') return undefined
    return Username === '<token>' ? { type: 'identity-token', token: Secret } : { type: 'password', username: Username, password: Secret }
  } catch (error) {
    throw fail('answers with what is not JSON', error)
  }
}
