import { LinuxkitError } from '../base/errors.js'
import type { Timestamp } from './entry.js'

/** One record of a PAX extended header (POSIX.1-2017, pax, "pax Extended Header"). Values of extended attributes are binary. */
export interface PaxRecord {
  readonly key: string
  readonly value: Buffer
}

/** Prefix of the keys that hold extended attributes, as star, GNU tar and Go have it. */
export const XATTR_PREFIX = 'SCHILY.xattr.'

const NEWLINE = 0x0a
const SPACE = 0x20
const EQUALS = 0x3d

/**
 * The records of an extended header, each of the form `<length> <key>=<value>\n`, where the length counts the whole record.
 * @throws {LinuxkitError} `archive/bad-header`
 */
export function parsePax(data: Buffer): PaxRecord[] {
  const records: PaxRecord[] = []
  for (let start = 0; start < data.length;) {
    const space = data.indexOf(SPACE, start)
    const digits = data.toString('latin1', start, Math.max(space, start))
    const end = start + Number(digits)
    const equals = data.indexOf(EQUALS, space)
    if (!/^\d{1,7}$/.test(digits) || end > data.length || equals <= space + 1 || equals >= end || data[end - 1] !== NEWLINE) {
      throw new LinuxkitError('archive/bad-header', 'a PAX header of the archive is damaged')
    }
    records.push({ key: data.toString('utf8', space + 1, equals), value: data.subarray(equals + 1, end - 1) })
    start = end
  }
  return records
}

/** The data of an extended header, with records sorted by key as Go's archive/tar has them. */
export function formatPax(records: ReadonlyMap<string, string | Uint8Array>): Buffer {
  const keys = [...records.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return Buffer.concat(keys.map((key) => formatRecord(key, Buffer.from(records.get(key) ?? ''))))
}

function formatRecord(key: string, value: Buffer): Buffer {
  const tail = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.of(NEWLINE)])
  // The length counts its own digits; a longer number may need one digit more.
  let length = tail.length + String(tail.length).length
  length = tail.length + String(length).length
  return Buffer.concat([Buffer.from(String(length)), tail])
}

/**
 * A decimal number of seconds with an optional fraction; digits beyond nanoseconds are cut.
 * @throws {LinuxkitError} `archive/bad-number`
 */
export function parsePaxTime(text: string): Timestamp {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text)
  const [, sign = '', whole = '', fraction = ''] = match ?? []
  const seconds = Number(whole)
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'))
  if (match === null || !Number.isSafeInteger(seconds)) throw badNumber('mtime')
  if (sign === '') return { seconds, nanoseconds }
  return nanoseconds === 0 ? { seconds: 0 - seconds, nanoseconds } : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds }
}

/** The inverse of {@link parsePaxTime}, as short as possible. */
export function formatPaxTime({ seconds, nanoseconds }: Timestamp): string {
  if (nanoseconds === 0) return String(seconds)
  const [sign, whole, rest] = seconds < 0 ? ['-', -seconds - 1, 1e9 - nanoseconds] : ['', seconds, nanoseconds]
  return `${sign}${whole}.${String(rest).padStart(9, '0').replace(/0+$/, '')}`
}

/**
 * A decimal number that is not negative.
 * @throws {LinuxkitError} `archive/bad-number`
 */
export function parsePaxNumber(text: string, field: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw badNumber(field)
  return number
}

export function badNumber(field: string): LinuxkitError {
  return new LinuxkitError('archive/bad-number', `a header of the archive has a "${field}" that is no number or out of range`)
}
