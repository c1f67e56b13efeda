import type { Challenge } from './challenge.js'
import type { Credentials } from './credentials.js'
import { RegistryError } from './errors.js'

/** A token that says no lifetime is good for a minute (Distribution, "Token Authentication Specification"). */
const TOKEN_LIMIT = 1 << 20

/**
 * Whether a token server may be shown the credentials of a registry: it is the registry's own host, or one of the same organisation
 * (auth.docker.io for registry-1.docker.io, gitlab.com for registry.gitlab.com), and the connection is as safe as the registry's.
 */
export function mayHaveCredentials(realm: URL, registry: URL): boolean {
  if (realm.protocol !== 'https:' && realm.protocol !== registry.protocol) return false
  if (realm.host === registry.host) return true
  const isName = /[a-z]/i.test(registry.hostname)
  const organisation = (host: string): string => host.split('.').slice(-2).join('.')
  return isName && realm.protocol === 'https:' && organisation(realm.hostname) === organisation(registry.hostname)
}

/**
 * What to answer to a challenge: the value of an `Authorization` header, or undefined when there is nothing to answer with.
 * @throws {RegistryError} when the token server does not give a token
 */
export async function answer(
  challenges: readonly Challenge[],
  scope: string,
  registry: URL,
  credentials: Credentials | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
  if (bearer !== undefined) return `Bearer ${await fetchToken(bearer, scope, registry, credentials, signal)}`
  const basic = challenges.some(({ scheme }) => scheme === 'basic')
  return basic && credentials?.type === 'password' ? basicHeader(credentials.username, credentials.password) : undefined
}

async function fetchToken(
  { parameters }: Challenge,
  scope: string,
  registry: URL,
  credentials: Credentials | undefined,
  signal: AbortSignal,
): Promise<string> {
  const text = parameters.get('realm') ?? ''
  if (!URL.canParse(text)) throw new RegistryError('registry/token', `${registry.host} names no token server`, false)
  const realm = new URL(text)
  const shown = credentials !== undefined && mayHaveCredentials(realm, registry) ? credentials : undefined
  const query = new URLSearchParams({ scope: parameters.get('scope') ?? scope })
  const service = parameters.get('service')
  if (service !== undefined) query.set('service', service)
  const response = await (shown?.type === 'identity-token'
    ? fetch(realm, {
        method: 'POST',
        redirect: 'error',
        signal,
        body: new URLSearchParams([...query, ['grant_type', 'refresh_token'], ['refresh_token', shown.token], ['client_id', 'linuxkit']]),
      })
    : fetch(`${realm.href}${realm.search === '' ? '?' : '&'}${query.toString()}`, {
        redirect: 'error',
        signal,
        headers: shown === undefined ? {} : { authorization: basicHeader(shown.username, shown.password) },
      }))
  const answered = await response.text()
  if (!response.ok || answered.length > TOKEN_LIMIT) {
    throw new RegistryError(
      'registry/token',
      `the token server ${realm.host} of ${registry.host} answers ${response.status}`,
      response.status >= 500,
      {
        hint: `log in with: docker login ${registry.host}`,
      },
    )
  }
  const { token, access_token: accessToken } = JSON.parse(answered) as { readonly token?: unknown; readonly access_token?: unknown }
  const found = token ?? accessToken
  if (typeof found === 'string' && found !== '') return found
  throw new RegistryError('registry/token', `the token server ${realm.host} of ${registry.host} gives no token`, false)
}

function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}
