import { LinuxkitError } from '../../base/errors.js'
import { runStatus } from '../../base/exec.js'
import type { Credentials } from './credentials.js'

/** Milliseconds: a helper may ask its user to unlock something, but nobody sits in front of some machines. */
const PATIENCE = 60_000

/**
 * Asks a program that keeps credentials (docker-credential-helpers, "Development": `get` with the server on standard input).
 * @param file the configuration that names the helper
 * @returns undefined when the helper has none for the server
 * @throws {LinuxkitError} `image/credentials`: which helper, from which file, and what to do
 */
export async function askHelper(
  helper: string,
  server: string,
  file: string,
  signal: AbortSignal,
  patience = PATIENCE,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`
  const fail = (reason: string, hint: string): LinuxkitError =>
    new LinuxkitError('image/credentials', `the credential helper ${program}, which ${file} names, ${reason}`, { hint })
  const without = `take "${helper}" out of ${file}`
  if (!/^[\w.-]+$/.test(helper)) throw fail('cannot be the name of a program', without)
  const tooLate = AbortSignal.timeout(patience)
  const result = await runStatus(program, ['get'], { signal: AbortSignal.any([signal, tooLate]), input: server }).catch(
    (error: unknown) => {
      signal.throwIfAborted()
      if (tooLate.aborted) throw fail(`does not answer within ${patience / 1000} seconds`, `see what it waits for, or ${without}`)
      if (error instanceof LinuxkitError && error.code === 'exec/not-found') throw fail('is not installed', `install it, or ${without}`)
      throw fail('cannot be run', `see whether ${program} is a program that you may run, or ${without}`)
    },
  )
  if (result.status !== 0) {
    // Helpers print their errors to standard output.
    const words = `${result.stdout}\n${result.stderr}`.trim().split('\n')[0] ?? ''
    if (/not found/i.test(words)) return undefined
    // What begins like an answer may hold a secret.
    const quoted = words === '' || words.startsWith('{') ? '' : `: ${words}`
    throw fail(`fails with status ${result.status}${quoted}`, `log in again (docker login ${server}), or ${without}`)
  }
  const answered = parse(result.stdout)
  if (answered === undefined) throw fail('answers with what is not JSON', `mend it, or ${without}`)
  const { Username: username, Secret: secret } = answered
  if (typeof username !== 'string' || typeof secret !== 'string' || secret === '') return undefined
  return username === '<token>' ? { type: 'identity-token', token: secret } : { type: 'password', username, password: secret }
}

function parse(text: string): { readonly Username?: unknown; readonly Secret?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
