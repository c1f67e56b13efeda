import type { Device, EntryType } from '../archive/entry.js'
import type { TreeNode } from '../archive/tree.js'
import { LinuxkitError } from '../base/errors.js'
import { both32, recordTime, ISO_SECTOR } from './iso-fields.js'

/** File types in `st_mode` (inode(7)). */
const TYPE_BITS: Readonly<Record<Exclude<EntryType, 'hardlink'>, number>> = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
}

/** Linux shows no name of 254 bytes and more (fs/isofs/rock.c, get_rock_ridge_filename). */
const NAME_LIMIT = 253
/** Linux reads a symbolic link into a page with a zero at its end (fs/isofs/rock.c, rock_ridge_symlink_read_folio). */
const LINK_LIMIT = 4095

/** The length of a field is one byte. */
const FIELD_LIMIT = 255
const CONTINUATION_SIZE = 28

/** Flags of names and of components of symbolic links: more follows in the next one. */
const CONTINUES = 1

/** What Rock Ridge says of a node beyond what stands in its entry. */
export interface Inode {
  /** Serial number: the same for hard links of one file. */
  readonly number: number
  /** How many names it has. */
  readonly links: number
}

/** SUSP 1.12, 5.3 and 5.5: the fields that are in the root's first record only; they say that there are others. */
export const ROOT_FIELDS = {
  first: field('SP', Buffer.from([0xbe, 0xef, 0])),
  last: extensionReference(
    'IEEE_P1282',
    'THE IEEE P1282 PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS',
    'PLEASE CONTACT THE IEEE STANDARDS DEPARTMENT, PISCATAWAY, NJ, USA FOR THE P1282 SPECIFICATION.',
  ),
}

/**
 * Who a node belongs to, what may be done with it, and since when it is as it is (RRIP 1.12, 4.1.1 and 4.1.6). Fractions of seconds have no place.
 * @throws {LinuxkitError} `disk/owner-number`
 */
export function attributeFields({ entry: { path, type, mode, uid, gid, mtime } }: TreeNode, { number, links }: Inode): readonly Buffer[] {
  if (type === 'hardlink') throw new Error('a tree has no hard links of its own')
  if (Math.max(uid, gid) >= 2 ** 32) {
    throw new LinuxkitError('disk/owner-number', `"${path}" belongs to ${uid}:${gid}, but ISO 9660 has room for numbers of 32 bits`)
  }
  const time = recordTime(mtime)
  const modifiedAccessedChanged = 0x0e
  return [
    field('PX', both32(TYPE_BITS[type] | mode), both32(links), both32(uid), both32(gid), both32(number)),
    field('TF', Buffer.from([modifiedAccessedChanged]), time, time, time),
  ]
}

/**
 * The name of a node, and what it is if neither file nor directory (RRIP 1.12, 4.1.2 to 4.1.4).
 * @throws {LinuxkitError} `disk/name-too-long`, `disk/link-too-long`, `disk/device-number`
 */
export function identityFields({ name, entry: { type, path, link, device } }: TreeNode): readonly Buffer[] {
  switch (type) {
    case 'symlink':
      return [...nameFields(name, path), ...linkFields(link, path)]
    case 'character':
    case 'block':
      return [...nameFields(name, path), deviceField(device, path)]
    default:
      return nameFields(name, path)
  }
}

function nameFields(name: string, path: string): readonly Buffer[] {
  const bytes = Buffer.from(name)
  if (bytes.length > NAME_LIMIT) {
    throw new LinuxkitError(
      'disk/name-too-long',
      `the name of "${path}" has ${bytes.length} bytes, but on an ISO 9660 file system Linux shows names of ${NAME_LIMIT} bytes at most`,
    )
  }
  const pieces = slices(bytes, FIELD_LIMIT - 5)
  return pieces.map((piece, index) => field('NM', Buffer.from([index < pieces.length - 1 ? CONTINUES : 0]), piece))
}

/** Components up to 255 bytes, in fields that are filled up before the next one begins. */
function linkFields(link: string, path: string): readonly Buffer[] {
  if (Buffer.byteLength(link) > LINK_LIMIT) {
    throw new LinuxkitError('disk/link-too-long', `the symbolic link "${path}" leads to a path of more than ${LINK_LIMIT} bytes`)
  }
  const room = FIELD_LIMIT - 5
  const fields: Buffer[][] = [[]]
  let left = room
  for (const { flags, text } of linkComponents(link)) {
    let rest = text
    for (;;) {
      const fits = rest.length + 2 <= left
      // A component may be cut, but not in its two bytes of head, and not where nothing of it would be left.
      const taken = fits ? rest.length : Math.max(left - 2, 0)
      if (fits || taken > 0) fields.at(-1)?.push(Buffer.from([fits ? flags : flags | CONTINUES, taken]), rest.subarray(0, taken))
      if (fits) {
        left -= taken + 2
        break
      }
      rest = rest.subarray(taken)
      fields.push([])
      left = room
    }
  }
  return fields.map((pieces, index) => field('SL', Buffer.from([index < fields.length - 1 ? CONTINUES : 0]), ...pieces))
}

/** RRIP 1.12, 4.1.3.1: "/", "." and ".." have flags and no text. Empty components are kept, and with them doubled and final slashes. */
function linkComponents(link: string): readonly { readonly flags: number; readonly text: Buffer }[] {
  const flags: Readonly<Record<string, number>> = { '.': 2, '..': 4 }
  const absolute = link.startsWith('/')
  const rest = absolute ? link.slice(1) : link
  const names = rest === '' ? [] : rest.split('/')
  const components = names.map((name) => ({ flags: flags[name] ?? 0, text: Buffer.from(name in flags ? '' : name) }))
  return absolute ? [{ flags: 8, text: Buffer.alloc(0) }, ...components] : components
}

/**
 * Device numbers (RRIP 1.12, 4.1.2). The standard splits a `dev_t` in halves; the low one holds it all when both numbers are small, and is read that way
 * by everybody. For larger ones Linux has the major number in the upper half (fs/isofs/rock.c).
 */
function deviceField({ major, minor }: Device, path: string): Buffer {
  if (major < 1 << 12 && minor < 1 << 8) return field('PN', both32(0), both32((major << 8) | minor))
  if (major > 0) return field('PN', both32(major), both32(minor))
  throw new LinuxkitError(
    'disk/device-number',
    `the device "${path}" has the numbers ${major}:${minor}, which ISO 9660 cannot tell from others`,
  )
}

/** SUSP 1.12, 5.5. */
function extensionReference(identifier: string, descriptor: string, source: string): Buffer {
  const texts = [identifier, descriptor, source]
  return field('ER', Buffer.from([...texts.map(({ length }) => length), 1]), Buffer.from(texts.join(''), 'latin1'))
}

/** SUSP 1.12, 4.1: signature, length, version, data. */
function field(signature: string, ...data: readonly Buffer[]): Buffer {
  const length = data.reduce((sum, piece) => sum + piece.length, 4)
  return Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.from([length, 1]), ...data])
}

function slices(bytes: Buffer, limit: number): readonly Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / limit) }, (_, index) => bytes.subarray(index * limit, (index + 1) * limit))
}

/** Where fields stand that have no room in their record (SUSP 1.12, 5.1). */
export class ContinuationArea {
  readonly sector: number
  readonly #pieces: { readonly offset: number; readonly bytes: Buffer }[] = []
  #end = 0

  /** @param sector where it begins */
  constructor(sector: number) {
    this.sector = sector
  }

  /** In bytes; it grows as fields are put in. */
  get size(): number {
    return this.#end
  }

  /** As many of the fields as fit into a room of so many bytes; if not all do, the last one says where the others are. */
  fit(fields: readonly Buffer[], room: number): Buffer {
    const all = Buffer.concat(fields)
    if (all.length <= room) return all
    let size = 0
    let count = 0
    for (const { length } of fields) {
      if (size + length > room - CONTINUATION_SIZE) break
      size += length
      count += 1
    }
    return Buffer.concat([...fields.slice(0, count), this.#put(fields.slice(count))])
  }

  /** Puts fields into one sector, because Linux wants them in one (fs/isofs/rock.c, rock_continue). */
  #put(fields: readonly Buffer[]): Buffer {
    const bytes = this.fit(fields, ISO_SECTOR)
    const left = ISO_SECTOR - (this.#end % ISO_SECTOR)
    const offset = bytes.length > left ? this.#end + left : this.#end
    this.#pieces.push({ offset, bytes })
    this.#end = offset + bytes.length
    return field('CE', both32(this.sector + Math.floor(offset / ISO_SECTOR)), both32(offset % ISO_SECTOR), both32(bytes.length))
  }

  bytes(): Buffer {
    const area = Buffer.alloc(this.#end)
    for (const { offset, bytes } of this.#pieces) area.set(bytes, offset)
    return area
  }
}
