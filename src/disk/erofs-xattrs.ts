import type { Entry } from '../archive/entry.js'
import { unsupported } from './inode.js'

/** Numbers of name spaces (Linux, fs/erofs/erofs_fs.h, EROFS_XATTR_INDEX_USER and following). */
const PREFIXES: readonly (readonly [string, number])[] = [
  ['user.', 1],
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['trusted.', 4],
  ['security.', 6],
]

const HEADER_SIZE = 12
/** Longest name and value; their lengths have 8 and 16 bits. */
const NAME_MAX = 255
const VALUE_MAX = 0xffff
/** The size of all attributes is counted in 16 bits, in units of four bytes. */
const SIZE_MAX = HEADER_SIZE + (0xffff - 1) * 4

const NONE = Buffer.alloc(0)

/** The extended attributes of an object as they stand after its inode (struct erofs_xattr_ibody_header); a multiple of four bytes. */
export function encodeXattrs(entry: Entry): Buffer {
  if (entry.xattrs.size === 0) return NONE
  const names = [...entry.xattrs.keys()].sort()
  const pairs = names.map((name) => encodePair(entry, name, entry.xattrs.get(name) ?? NONE))
  const bytes = Buffer.concat([Buffer.alloc(HEADER_SIZE), ...pairs])
  if (bytes.length > SIZE_MAX) throw unsupported(entry, `its extended attributes have more than ${SIZE_MAX} bytes`)
  return bytes
}

/** The size of attributes as an inode has it. */
export function xattrCount(size: number): number {
  return size === 0 ? 0 : (size - HEADER_SIZE) / 4 + 1
}

function encodePair(entry: Entry, name: string, value: Uint8Array): Buffer {
  const [prefix, index] = PREFIXES.find(([start]) => name.startsWith(start)) ?? []
  if (prefix === undefined || index === undefined) {
    throw unsupported(entry, `erofs has only extended attributes of user, trusted, security and POSIX ACLs, and no place for "${name}"`)
  }
  const rest = Buffer.from(name.slice(prefix.length))
  if (rest.length > NAME_MAX || value.length > VALUE_MAX) throw unsupported(entry, `its extended attribute "${name}" is too long`)
  const size = 4 + rest.length + value.length
  const pair = Buffer.alloc(Math.ceil(size / 4) * 4)
  pair.writeUInt8(rest.length)
  pair.writeUInt8(index, 1)
  pair.writeUInt16LE(value.length, 2)
  pair.set(rest, 4)
  pair.set(value, 4 + rest.length)
  return pair
}
