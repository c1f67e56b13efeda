import { LinuxkitError, type Place } from '../base/errors.js'
import { nearest } from '../base/nearest.js'

/** OCI runtime-spec, config.md "POSIX process": `rlimits`. */
export type OciRlimit = {
  readonly type: string
  readonly hard: bigint
  readonly soft: bigint
}

/** getrlimit(2). */
const NAMES = 'CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME'.split(' ')

/** RLIM_INFINITY. */
const UNLIMITED = 2n ** 64n - 1n

/** Reads `name,soft,hard`. @throws {LinuxkitError} `oci/bad-rlimit` */
export function ociRlimit(text: string, where?: Place): OciRlimit {
  const [name = '', soft, ...hard] = text.split(',')
  if (soft === undefined || hard.length === 0) throw bad(`rlimit "${text}" is not name,soft,hard`, where, 'for example nofile,1024,4096')
  const short = name
    .trim()
    .toUpperCase()
    .replace(/^RLIMIT_/, '')
  if (!NAMES.includes(short)) {
    const similar = nearest(short, NAMES)?.toLowerCase()
    throw bad(`"${name.trim()}" is not the name of an rlimit`, where, similar === undefined ? undefined : `did you mean "${similar}"?`)
  }
  return { type: `RLIMIT_${short}`, hard: parseLimit(hard.join(','), text, where), soft: parseLimit(soft, text, where) }
}

function parseLimit(value: string, text: string, where: Place | undefined): bigint {
  const trimmed = value.trim()
  if (trimmed.toLowerCase() === 'unlimited') return UNLIMITED
  const limit = /^\d{1,20}$/.test(trimmed) ? BigInt(trimmed) : undefined
  if (limit === undefined || limit > UNLIMITED)
    throw bad(`rlimit "${text}": "${trimmed}" is not a limit`, where, 'write a number or unlimited')
  return limit
}

function bad(message: string, where: Place | undefined, hint?: string): LinuxkitError {
  return new LinuxkitError('oci/bad-rlimit', message, { where, hint })
}
