import { LinuxkitError } from '../base/errors.js'

/** How one name is written in a directory. */
export interface FatName {
  /** Eight characters and three, upper case, filled up with spaces. */
  readonly short: Buffer
  /** Says which parts of the short name are to be shown in lower case; programs since Windows NT and Linux's vfat heed it. */
  readonly caseFlags: number
  /** Entries that hold the long name and stand before the one with the short name; empty where the short name says it all. */
  readonly long: Buffer
}

export const FAT_ENTRY_SIZE = 32

const LOWER_BASE = 0x08
const LOWER_EXTENSION = 0x10
const LONG_NAME_ATTRIBUTE = 0x0f
const LAST_PIECE = 0x40
const UNITS_PER_ENTRY = 13
const LONGEST_NAME = 255

/** What a short name may consist of, and what no name may contain (Microsoft FAT specification, section 6.1 and 7). */
const NO_SHORT_CHARACTER = /[^A-Z0-9!#$%&'()\-@^_`{}~]/g
const PLAIN_NAME = /^([A-Z0-9!#$%&'()\-@^_`{}~]{1,8})(?:\.([A-Z0-9!#$%&'()\-@^_`{}~]{1,3}))?$/i
// oxlint-disable-next-line no-control-regex -- those are what is looked for
const FORBIDDEN = /["*/:<>?\\|\u0000-\u001f\u007f]/

/**
 * Names of one directory as FAT writes them, in the order given.
 * @throws {LinuxkitError} `disk/bad-name` for what FAT cannot hold, `disk/duplicate-name` for names that differ in nothing but case
 */
export function fatNames(names: readonly string[]): readonly FatName[] {
  const seen = new Map<string, string>()
  for (const name of names) {
    checkName(name)
    const other = seen.get(name.toLowerCase())
    if (other !== undefined) {
      throw new LinuxkitError('disk/duplicate-name', `"${other}" and "${name}" are the same name on a FAT file system`)
    }
    seen.set(name.toLowerCase(), name)
  }
  // First those that are their own short name, so that no alias of another takes it.
  const plain = names.map(plainName)
  const used = new Set(plain.flatMap((name) => (name === undefined ? [] : [name.short.toString('latin1')])))
  const counters = new Map<string, number>()
  return names.map((name, index) => {
    const own = plain[index]
    if (own !== undefined) return own
    const short = alias(name, used, counters)
    return { short, caseFlags: 0, long: longNameEntries(name, short) }
  })
}

function checkName(name: string): void {
  const problem = ((): string | undefined => {
    if (name === '' || name === '.' || name === '..') return 'is not one'
    if (FORBIDDEN.test(name)) return 'has a character that FAT does not allow'
    if (/[. ]$/.test(name)) return 'ends in a dot or a space'
    if (name.length > LONGEST_NAME) return `is longer than ${LONGEST_NAME} characters`
    if (/\p{Surrogate}/u.test(name)) return 'is not valid Unicode'
    return undefined
  })()
  if (problem !== undefined) {
    throw new LinuxkitError('disk/bad-name', `the name ${JSON.stringify(name)} of a file on a FAT file system ${problem}`)
  }
}

/** A name that needs no long one: short, and each part of it in one case. */
function plainName(name: string): FatName | undefined {
  const [, base = '', extension = ''] = PLAIN_NAME.exec(name) ?? []
  if (base === '') return undefined
  const lower = (part: string, flag: number): number | undefined => {
    if (part === part.toUpperCase()) return 0
    return part === part.toLowerCase() ? flag : undefined
  }
  const [baseFlag, extensionFlag] = [lower(base, LOWER_BASE), lower(extension, LOWER_EXTENSION)]
  if (baseFlag === undefined || extensionFlag === undefined) return undefined
  return { short: shortName(base.toUpperCase(), extension.toUpperCase()), caseFlags: baseFlag | extensionFlag, long: Buffer.alloc(0) }
}

function shortName(base: string, extension: string): Buffer {
  return Buffer.from(base.padEnd(8) + extension.padEnd(3), 'latin1')
}

/** A short name for one that is too long or has other characters: its beginning, `~` and the first number that is free. */
function alias(name: string, used: Set<string>, counters: Map<string, number>): Buffer {
  const clean = (text: string): string => text.toUpperCase().replaceAll(/[. ]/g, '').replaceAll(NO_SHORT_CHARACTER, '_')
  const dot = name.lastIndexOf('.')
  const base = clean(dot > 0 ? name.slice(0, dot) : name)
  const extension = dot > 0 ? clean(name.slice(dot + 1)).slice(0, 3) : ''
  // The same first characters and extension lead to the same aliases: go on where the last one was found.
  const family = shortName(base.slice(0, 6), extension).toString('latin1')
  for (let number = counters.get(family) ?? 1; ; number += 1) {
    const tail = `~${number}`
    const short = shortName(base.slice(0, 8 - tail.length) + tail, extension)
    if (used.has(short.toString('latin1'))) continue
    used.add(short.toString('latin1'))
    counters.set(family, number + 1)
    return short
  }
}

/** Pieces of a long name, the last one first (Microsoft FAT specification, section 7). */
function longNameEntries(name: string, short: Buffer): Buffer {
  const count = Math.ceil(name.length / UNITS_PER_ENTRY)
  const units = Buffer.alloc(count * UNITS_PER_ENTRY * 2, 0xff)
  // A NUL ends a name that does not fill its last entry.
  units.write(name.length % UNITS_PER_ENTRY === 0 ? name : `${name}\0`, 'utf16le')
  const checksum = short.reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0)
  const entries = Buffer.alloc(count * FAT_ENTRY_SIZE)
  for (let piece = 0; piece < count; piece += 1) {
    const entry = entries.subarray((count - 1 - piece) * FAT_ENTRY_SIZE)
    const from = piece * UNITS_PER_ENTRY * 2
    entry.writeUInt8((piece + 1) | (piece === count - 1 ? LAST_PIECE : 0))
    units.copy(entry, 1, from, from + 10)
    entry.writeUInt8(LONG_NAME_ATTRIBUTE, 11)
    entry.writeUInt8(checksum, 13)
    units.copy(entry, 14, from + 10, from + 22)
    units.copy(entry, 28, from + 22, from + 26)
  }
  return entries
}
