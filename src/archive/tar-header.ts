import { LinuxkitError } from '../base/errors.js'
import type { Device } from './entry.js'
import { badNumber } from './pax.js'

/** Archives are made of blocks of this many bytes (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const BLOCK_SIZE = 512

/** Bytes that fill up `size` bytes to whole blocks. */
export function padding(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE
}

/** Where the fields are: first byte and length (POSIX, as above). */
export const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  userName: [265, 32],
  groupName: [297, 32],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const

/** A header block as it stands, before extended headers have their say. */
export interface TarHeader {
  readonly name: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: number
  readonly typeflag: string
  readonly link: string
  readonly userName: string
  readonly groupName: string
  readonly device: Device
  /** The whole block, for what only some types have. */
  readonly block: Buffer
}

/**
 * Reads a header block of the formats v7, ustar and GNU.
 * @throws {LinuxkitError} `archive/bad-header`, `archive/bad-number`
 */
export function parseHeader(block: Buffer): TarHeader {
  verifyChecksum(block)
  const magic = slice(block, 'magic').toString('latin1')
  const posix = magic.startsWith('ustar\0')
  // v7 headers end after the link name; what follows there is not defined.
  const v7 = !posix && magic !== 'ustar  \0'
  const name = readString(slice(block, 'name'))
  const prefix = posix ? readString(slice(block, 'prefix')) : ''
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: readNumber(block, 'mode'),
    uid: readNumber(block, 'uid'),
    gid: readNumber(block, 'gid'),
    size: readNumber(block, 'size'),
    mtime: readNumber(block, 'mtime'),
    typeflag: String.fromCharCode(block[FIELDS.typeflag[0]] ?? 0),
    link: readString(slice(block, 'link')),
    userName: v7 ? '' : readString(slice(block, 'userName')),
    groupName: v7 ? '' : readString(slice(block, 'groupName')),
    device: v7 ? { major: 0, minor: 0 } : { major: readNumber(block, 'major'), minor: readNumber(block, 'minor') },
    block,
  }
}

/** Sum of the bytes of a header, the checksum field itself taken as spaces. */
export function headerChecksum(block: Uint8Array, signed = false): number {
  const [start, length] = FIELDS.checksum
  let sum = 0x20 * length
  for (let index = 0; index < BLOCK_SIZE; index += 1) {
    if (index >= start && index < start + length) continue
    const byte = block[index] ?? 0
    sum += signed && byte > 127 ? byte - 256 : byte
  }
  return sum
}

/** Whether a block has the checksum of a header. */
export function isHeader(block: Buffer): boolean {
  if (block.length < BLOCK_SIZE || !slice(block, 'magic').includes('ustar')) return false
  try {
    return parseNumber(slice(block, 'checksum'), 'checksum') === headerChecksum(block)
  } catch {
    return false
  }
}

function verifyChecksum(block: Buffer): void {
  const expected = parseNumber(slice(block, 'checksum'), 'checksum')
  // Some early programs summed signed characters, hence POSIX-era readers accept both.
  if (expected !== headerChecksum(block) && expected !== headerChecksum(block, true)) {
    throw new LinuxkitError('archive/bad-header', 'not a tar archive, or a damaged one: the checksum of a header is wrong')
  }
}

function slice(block: Buffer, field: keyof typeof FIELDS): Buffer {
  const [start, length] = FIELDS[field]
  return block.subarray(start, start + length)
}

function readNumber(block: Buffer, field: keyof typeof FIELDS): number {
  const number = parseNumber(slice(block, field), field)
  if (number < 0 && field !== 'mtime') throw badNumber(field)
  return number
}

/** Text up to the first NUL, or all of the field. */
export function readString(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? field.length : end)
}

/**
 * An octal number, or a binary one where the first bit is set (GNU tar manual, "Basic Tar Format"); an empty field is 0.
 * @throws {LinuxkitError} `archive/bad-number`
 */
export function parseNumber(field: Buffer, name: string): number {
  const [first = 0] = field
  const value = first >= 0x80 ? parseBinary(field) : parseOctal(field)
  if (!Number.isSafeInteger(value)) throw badNumber(name)
  return value
}

/** Two's complement, big-endian, in all bits but the first. */
function parseBinary(field: Buffer): number {
  return Number(BigInt.asIntN(field.length * 8 - 1, BigInt(`0x${field.toString('hex')}`)))
}

/** Spaces and NULs may stand before, and one of them ends the number. */
function parseOctal(field: Buffer): number {
  const isBlank = (byte: number | undefined): boolean => byte === undefined || byte === 0 || byte === 0x20
  let index = 0
  while (index < field.length && isBlank(field[index])) index += 1
  let value = 0
  for (; !isBlank(field[index]); index += 1) {
    const digit = (field[index] ?? 0) - 0x30
    if (digit < 0 || digit > 7) return NaN
    value = value * 8 + digit
  }
  return value
}
