import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LinuxkitError } from '../../base/errors.js'
import { isNo, readAptSources, withoutSlash } from './apt-sources.js'

/** Environment variable that names the mirror. */
export const MIRROR_VARIABLE = 'LINUXKIT_DEBIAN_MIRROR'

/** Where packages come from and whose signatures count. */
export interface DebianSources {
  /** URL of Debian's main archive, without a slash at the end. */
  readonly archive: string
  /** URL of the archive of security updates that belongs to it; it need not exist. */
  readonly security: string
  /** What the mirror's entry in the host's apt configuration says in `Signed-By`; may be empty. */
  readonly signedBy: string
  /** False where the mirror is known to be a snapshot, whose lists of packages are old. */
  readonly checkValidUntil: boolean
}

/** The main archive, or a snapshot of it: `…/archive/debian/20250520T000000Z`. */
const MAIN = /\/debian(\/\d{8}T\d{6}Z)?$/
const SECURITY = /\/debian-security(\/\d{8}T\d{6}Z)?$/

/**
 * Finds the mirror: the one that is given, else of `LINUXKIT_DEBIAN_MIRROR`, else that of the host's apt, whatever release the host runs.
 * @param aptDirectory `/etc/apt`
 * @throws {LinuxkitError} `debian/no-mirror`, `debian/bad-mirror`
 */
export async function findSources(
  mirror: string | undefined,
  aptDirectory: string,
  environment: NodeJS.ProcessEnv,
): Promise<DebianSources> {
  const sources = (await readAptSources(aptDirectory)).filter(({ uri }) => /^https?:/.test(uri))
  const main = sources.find(({ uri }) => MAIN.test(uri))
  const given = mirror ?? environment[MIRROR_VARIABLE] ?? ''
  if (given !== '') {
    const archive = checkMirror(withoutSlash(given))
    return { archive, security: siblingOf(archive), signedBy: main?.signedBy ?? '', checkValidUntil: true }
  }
  if (main === undefined) {
    throw new LinuxkitError('debian/no-mirror', 'no Debian mirror is known: the apt configuration of this host names none', {
      hint: `give the URL of a mirror, which ends in /debian, in the environment variable ${MIRROR_VARIABLE}`,
    })
  }
  const archive = checkMirror(main.uri)
  const security = sources.find(({ uri }) => SECURITY.test(uri))
  return {
    archive,
    security: security === undefined ? siblingOf(archive) : checkMirror(security.uri),
    signedBy: main.signedBy,
    checkValidUntil: main.checkValidUntil && (await aptChecksValidUntil()),
  }
}

/** Mirrors keep the security archive beside the main one. */
function siblingOf(archive: string): string {
  return MAIN.test(archive) ? archive.replace(MAIN, '/debian-security$1') : `${archive}-security`
}

function checkMirror(uri: string): string {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new LinuxkitError('debian/bad-mirror', `"${uri}" is not the URL of a Debian mirror`, {
      hint: 'it must begin with http:// or https:// and usually ends in /debian',
    })
  }
  if (url.username !== '' || url.password !== '') {
    throw new LinuxkitError('debian/bad-mirror', `the URL of the Debian mirror on ${url.host} holds a user name or password`, {
      hint: `credentials are not supported; name another mirror in the environment variable ${MIRROR_VARIABLE}`,
    })
  }
  return uri
}

/** apt.conf(5), `Acquire::Check-Valid-Until`: switched off on hosts whose mirror is a snapshot. */
async function aptChecksValidUntil(): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('apt-config', ['dump', '--format', '%v', 'Acquire::Check-Valid-Until'])
    return !isNo(stdout.trim())
  } catch {
    return true
  }
}
