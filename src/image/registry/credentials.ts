import { LinuxkitError } from '../../base/errors.js'
import { registryName } from './mirrors.js'

/** What a registry knows a user by. */
export type Credentials =
  | { readonly type: 'password'; readonly username: string; readonly password: string }
  /** An OAuth 2 refresh token, which a token server exchanges. */
  | { readonly type: 'identity-token'; readonly token: string }
  /** A token for the registry itself. */
  | { readonly type: 'registry-token'; readonly token: string }

/**
 * Reads `--registry-creds`: `REGISTRY=USER:PASSWORD` or `REGISTRY=TOKEN`, several with commas.
 * @throws {LinuxkitError} `image/registry-creds`, which does not repeat what was given
 */
export function parseRegistryCreds(values: readonly string[]): ReadonlyMap<string, Credentials> {
  const credentials = new Map<string, Credentials>()
  // A comma may stand in a password as well, where no "NAME=" follows it.
  for (const value of values.flatMap((list) => list.split(/,(?=[^,=:]+(?::\d+)?=)/))) {
    const equals = value.indexOf('=')
    const registry = value
      .slice(0, Math.max(equals, 0))
      .replace(/^https?:\/\//, '')
      .replace(/\/(?:v[12]\/?)?$/, '')
    const secret = value.slice(equals + 1)
    const colon = secret.indexOf(':')
    if (registry === '' || secret === '' || colon === 0 || colon === secret.length - 1) {
      throw new LinuxkitError('image/registry-creds', `--registry-creds${registry === '' ? '' : ` for ${registry}`} lacks a part`, {
        hint: 'write it like registry.example=USER:PASSWORD or registry.example=TOKEN',
      })
    }
    credentials.set(
      registryName(registry),
      colon === -1
        ? { type: 'registry-token', token: secret }
        : { type: 'password', username: secret.slice(0, colon), password: secret.slice(colon + 1) },
    )
  }
  return credentials
}
