import { LinuxkitError } from '../../base/errors.js'
import { parseControl } from './control.js'
import type { Keyring } from './keyring.js'

/** A file that a release vouches for. */
export interface ReleaseFile {
  /** Below the directory of the suite: `main/binary-amd64/Packages.xz`. */
  readonly path: string
  readonly size: number
  /** 64 hexadecimal digits. */
  readonly sha256: string
}

/** The signed table of contents of one suite (Debian Repository Format, "Release files"). */
export interface Release {
  readonly codename: string
  readonly date: Date | undefined
  /** After this the mirror should have had a newer one; only suites that change often have it. */
  readonly validUntil: Date | undefined
  readonly architectures: readonly string[]
  readonly components: readonly string[]
  /** Whether files can be fetched by their digest, so that an update of the mirror does not come in between. */
  readonly byHash: boolean
  readonly files: ReadonlyMap<string, ReleaseFile>
}

/**
 * Checks the signature of an InRelease file and reads what was signed, and nothing around it.
 * @param suite what was asked for; a mirror that answers with another suite's file is refused
 * @throws {LinuxkitError} `debian/bad-signature`, `debian/bad-release`
 */
export async function verifyRelease(inRelease: string, suite: string, keyring: Keyring): Promise<Release> {
  return parseRelease(await verifiedText(inRelease, suite, keyring), suite)
}

async function verifiedText(inRelease: string, suite: string, keyring: Keyring): Promise<string> {
  const { readCleartextMessage, verify } = await import('openpgp')
  let result
  try {
    const message = await readCleartextMessage({ cleartextMessage: inRelease })
    result = await verify({ message, verificationKeys: [...keyring.keys] })
  } catch (error) {
    throw new LinuxkitError('debian/bad-signature', `the InRelease file of ${suite} is not a signed message`, {
      hint: 'the mirror, or something in between, answers with something else; open its URL in a browser',
      cause: error,
    })
  }
  // A release is signed with the keys of several Debian releases; one of them that we know suffices, as for apt.
  const failures: string[] = []
  for (const { keyID, verified } of result.signatures) {
    try {
      await verified
      return result.data
    } catch (error) {
      failures.push(`${keyID.toHex().toUpperCase()}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new LinuxkitError(
    'debian/bad-signature',
    `no signature of the InRelease file of ${suite} is by a key of ${keyring.origin}, or none is good`,
    {
      hint: `the keyring must hold the key of that release (package debian-archive-keyring); ${failures.join('; ')}`,
    },
  )
}

function parseRelease(text: string, suite: string): Release {
  const [fields] = parseControl(text)
  const codename = fields?.get('Codename') ?? ''
  const list = fields?.get('SHA256')
  if (fields === undefined || list === undefined) {
    throw new LinuxkitError('debian/bad-release', `the InRelease file of ${suite} has no list of SHA-256 digests`)
  }
  if (codename !== suite && fields.get('Suite') !== suite) {
    throw new LinuxkitError('debian/bad-release', `the mirror's InRelease file of ${suite} is that of ${codename}`)
  }
  const files = new Map<string, ReleaseFile>()
  for (const line of list.split('\n')) {
    const match = /^\s*([0-9a-f]{64})\s+(\d+)\s+(\S+)$/.exec(line)
    if (match === null) continue
    const [, sha256 = '', size = '', path = ''] = match
    files.set(path, { path, size: Number(size), sha256 })
  }
  return {
    codename,
    date: parseDate(fields.get('Date')),
    validUntil: parseDate(fields.get('Valid-Until')),
    architectures: (fields.get('Architectures') ?? '').split(/\s+/),
    components: (fields.get('Components') ?? '').split(/\s+/),
    byHash: fields.get('Acquire-By-Hash') === 'yes',
    files,
  }
}

/** As RFC 822 has it, with the zone `UTC`, which `Date` understands. */
function parseDate(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/**
 * Guards against a mirror that is held back at an old state.
 * @throws {LinuxkitError} `debian/release-expired`, `debian/release-from-future`
 */
export function checkDates(release: Release, suite: string, now: Date): void {
  if (release.validUntil !== undefined && release.validUntil < now) {
    throw new LinuxkitError(
      'debian/release-expired',
      `the mirror's list of packages of ${suite} was valid until ${release.validUntil.toUTCString()}`,
      {
        hint: 'the mirror is out of date or the clock of this host is ahead; use another mirror, or turn the check off if the mirror is a snapshot',
      },
    )
  }
  if (release.date !== undefined && release.date.getTime() > now.getTime() + CLOCK_TOLERANCE_MS) {
    throw new LinuxkitError(
      'debian/release-from-future',
      `the mirror's list of packages of ${suite} is of ${release.date.toUTCString()}, which is to come`,
      {
        hint: 'set the clock of this host',
      },
    )
  }
}

const CLOCK_TOLERANCE_MS = 24 * 3600 * 1000
