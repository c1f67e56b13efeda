import { textContent } from '../../base/content.js'
import type { Challenge } from './challenge.js'
import type { Credentials } from './credentials.js'
import { RegistryError, statusError } from './errors.js'
import type { HttpResponse, Transport } from './transport.js'

/** Bytes. Tokens are a few thousand at most. */
const TOKEN_LIMIT = 1 << 20

/**
 * Whether a token server may be shown the credentials of a registry: it is on the registry's own host, or on one of the same organisation
 * (auth.docker.io for registry-1.docker.io, gitlab.com for registry.gitlab.com), and the connection is as safe as the registry's.
 */
export function mayHaveCredentials(realm: URL, registry: URL): boolean {
  if (realm.protocol !== 'https:' && realm.protocol !== registry.protocol) return false
  if (realm.hostname === registry.hostname) return true
  const isName = /[a-z]/i.test(registry.hostname)
  return isName && realm.protocol === 'https:' && organisation(realm.hostname) === organisation(registry.hostname)
}

/** The part of a host name that was registered: two labels, or three where the second is one such as the "co" of "co.uk". */
function organisation(host: string): string {
  const labels = host.split('.')
  return labels.slice(/^(?:ac|co|com|edu|gov|net|org)$/.test(labels.at(-2) ?? '') ? -3 : -2).join('.')
}

/** Who asks a registry for what. */
export interface Asking {
  /** Such as `repository:library/redis:pull`. */
  readonly scopes: readonly string[]
  readonly registry: URL
  readonly credentials: Credentials | undefined
  readonly transport: Transport
}

/**
 * What to answer to a challenge: the value of an `Authorization` header, or undefined when there is nothing to answer with.
 * @throws {RegistryError} when the token server does not give a token
 */
export async function answer(challenges: readonly Challenge[], asking: Asking): Promise<string | undefined> {
  const { credentials } = asking
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
  if (bearer !== undefined) {
    return `Bearer ${credentials?.type === 'registry-token' ? credentials.token : await fetchToken(bearer, asking)}`
  }
  const basic = challenges.some(({ scheme }) => scheme === 'basic')
  return basic && credentials?.type === 'password' ? basicHeader(credentials.username, credentials.password) : undefined
}

async function fetchToken({ parameters }: Challenge, { scopes, registry, credentials, transport }: Asking): Promise<string> {
  const text = parameters.get('realm') ?? ''
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new RegistryError('registry/token', `${registry.host} names no token server`, false)
  }
  const realm = new URL(text)
  const shown = credentials !== undefined && mayHaveCredentials(realm, registry) ? credentials : undefined
  const query = new URLSearchParams()
  const service = parameters.get('service')
  if (service !== undefined) query.set('service', service)
  // A token server reads scopes that are separate parameters, and only some read a list.
  for (const scope of new Set([...(parameters.get('scope')?.split(' ') ?? []), ...scopes])) query.append('scope', scope)
  const what = `a token for ${registry.host}`
  const response = await (shown?.type === 'identity-token'
    ? transport.send(exchange(realm, query, shown.token, what))
    : transport.send({
        method: 'GET',
        url: new URL(`${realm.href}${realm.search === '' ? '?' : '&'}${query.toString()}`),
        headers: shown?.type === 'password' ? { authorization: basicHeader(shown.username, shown.password) } : {},
        what,
      }))
  const withheld = shown === undefined && credentials !== undefined
  return readToken(response, realm, registry, withheld)
}

/** A refresh token is exchanged in the body, where no log of a server shows it (Distribution, "Authenticating against token servers with OAuth 2"). */
function exchange(realm: URL, query: URLSearchParams, token: string, what: string): Parameters<Transport['send']>[0] {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: 'linuxkit' })
  const service = query.get('service')
  if (service !== null) form.set('service', service)
  form.set('scope', query.getAll('scope').join(' '))
  return {
    method: 'POST',
    url: realm,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: textContent(form.toString()),
    what,
  }
}

async function readToken(response: HttpResponse, realm: URL, registry: URL, withheld: boolean): Promise<string> {
  const server = `the token server ${realm.host} of ${registry.host}`
  if (response.status !== 200) {
    await response.drop()
    const { transient, retryAfter, status } = statusError('', '', response)
    throw new RegistryError('registry/token', `${server} answers ${response.status}`, transient, {
      hint: withheld
        ? `it was not shown your credentials for ${registry.host}, since it belongs to somebody else`
        : `log in with: docker login ${registry.host}`,
      retryAfter,
      status,
    })
  }
  const text = (await response.bytes(TOKEN_LIMIT)).toString('utf8')
  const found = tokenOf(text)
  if (found === undefined) throw new RegistryError('registry/token', `${server} gives no token`, false)
  return found
}

function tokenOf(text: string): string | undefined {
  try {
    const { token, access_token: accessToken } = JSON.parse(text) as { readonly token?: unknown; readonly access_token?: unknown }
    const found = token ?? accessToken
    // What cannot stand in a header is no token (RFC 6750, section 2.1).
    return typeof found === 'string' && /^[\x21-\x7E]+$/.test(found) ? found : undefined
  } catch {
    return undefined
  }
}

function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}
