import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Key } from 'openpgp'
import { isSystemError, LinuxkitError } from '../../base/errors.js'

/** Debian's keys, where its package `debian-archive-keyring` puts them. */
const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

const ARMOR = '-----BEGIN PGP PUBLIC KEY BLOCK-----'

/** Keys whose signatures on a release count. */
export interface Keyring {
  /** Where the keys came from, for messages. */
  readonly origin: string
  readonly keys: readonly Key[]
}

/**
 * Loads the keyring: the given file, else what `Signed-By` of the mirror's apt source says, else Debian's own keyring, else the keys
 * that the host's apt trusts for everything.
 * @param signedBy paths, or an ASCII-armored key (sources.list(5)); fingerprints select from the default keyrings, which are then used whole
 * @throws {LinuxkitError} `debian/no-keyring`, `debian/bad-keyring`
 */
export async function loadKeyring(path: string | undefined, signedBy: string, aptDirectory: string): Promise<Keyring> {
  if (path !== undefined) return { origin: path, keys: await readKeyFile(path) }
  if (signedBy.includes(ARMOR)) {
    // In a deb822 file an empty line of the armor is written as a dot.
    const armor = signedBy.replaceAll(/^\.$/gm, '').trim()
    return { origin: "the key in the host's apt sources", keys: await parseKeys(Buffer.from(armor), "the host's apt sources") }
  }
  const paths = signedBy.split(/\s+/).filter((word) => word.startsWith('/'))
  if (paths.length > 0) return { origin: paths.join(', '), keys: (await Promise.all(paths.map(readKeyFile))).flat() }
  const trusted = join(aptDirectory, 'trusted.gpg.d')
  const names = await readdir(trusted).catch(() => [])
  const candidates = names.filter((name) => /\.(?:gpg|asc)$/.test(name)).map((name) => join(trusted, name))
  try {
    return { origin: DEBIAN_KEYRING, keys: await readKeyFile(DEBIAN_KEYRING) }
  } catch (error) {
    if (!(error instanceof LinuxkitError) || error.code !== 'debian/no-keyring' || candidates.length === 0) throw error
    return { origin: trusted, keys: (await Promise.all(candidates.map(readKeyFile))).flat() }
  }
}

async function readKeyFile(path: string): Promise<readonly Key[]> {
  const data = await readFile(path).catch((error: unknown) => {
    if (!isSystemError(error)) throw error
    throw new LinuxkitError('debian/no-keyring', `the keyring ${path} cannot be read (${error.code})`, {
      hint: 'install the package debian-archive-keyring, or name a file that holds the keys of the Debian archive',
      cause: error,
    })
  })
  return parseKeys(data, path)
}

async function parseKeys(data: Buffer, origin: string): Promise<readonly Key[]> {
  const { readKeys } = await import('openpgp')
  try {
    return data.includes(ARMOR) ? await readKeys({ armoredKeys: data.toString('latin1') }) : await readKeys({ binaryKeys: data })
  } catch (error) {
    throw new LinuxkitError('debian/bad-keyring', `${origin} is not a keyring of OpenPGP keys`, { cause: error })
  }
}
