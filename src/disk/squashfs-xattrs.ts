import type { Entry } from '../archive/entry.js'
import { unsupported } from './inode.js'
import type { SquashfsCompressor } from './squashfs-compressor.js'
import { lookupTable, MetadataWriter, reference, type LookupTable } from './squashfs-metadata.js'

/** Of an inode without attributes (Linux, fs/squashfs/squashfs_fs.h, SQUASHFS_INVALID_XATTR). */
export const NO_XATTRS = 0xffffffff

/** Only these name spaces have a number (as above, SQUASHFS_XATTR_USER and following). */
const PREFIXES = ['user.', 'trusted.', 'security.'] as const

/** Sets of extended attributes; objects with the same ones share a set. */
export class SquashfsXattrs {
  readonly #compressor: SquashfsCompressor
  readonly #pairs: MetadataWriter
  readonly #records: Buffer[] = []
  readonly #ids = new Map<string, number>()

  constructor(compressor: SquashfsCompressor) {
    this.#compressor = compressor
    this.#pairs = new MetadataWriter(compressor)
  }

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  /** The number of an object's set; {@link NO_XATTRS} when it is empty. */
  async idOf(entry: Entry): Promise<number> {
    if (entry.xattrs.size === 0) return NO_XATTRS
    const names = [...entry.xattrs.keys()].sort()
    const pairs = names.map((name) => encodePair(entry, name, entry.xattrs.get(name) ?? new Uint8Array()))
    const bytes = Buffer.concat(pairs)
    const key = bytes.toString('latin1')
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const record = Buffer.alloc(16)
    record.writeBigUInt64LE(BigInt(reference(this.#pairs.position)))
    record.writeUInt32LE(pairs.length, 8)
    // What listing and reading them all takes: names in full with a NUL, and values.
    record.writeUInt32LE(
      [...entry.xattrs].reduce((size, [name, value]) => size + Buffer.byteLength(name) + 1 + value.length, 0),
      12,
    )
    const id = this.#records.push(record) - 1
    this.#ids.set(key, id)
    await this.#pairs.write(bytes)
    return id
  }

  /** The attributes, and after them the table of sets. @param at where they are put, from the beginning of the file system */
  async finish(at: number): Promise<LookupTable> {
    const { bytes } = await this.#pairs.finish()
    const header = Buffer.alloc(16)
    header.writeBigUInt64LE(BigInt(at))
    header.writeUInt32LE(this.#records.length, 8)
    const table = await lookupTable(Buffer.concat(this.#records), at + bytes.length, this.#compressor, header)
    return { bytes: Buffer.concat([bytes, table.bytes]), start: table.start }
  }
}

function encodePair(entry: Entry, name: string, value: Uint8Array): Buffer {
  const type = PREFIXES.findIndex((prefix) => name.startsWith(prefix))
  const prefix = PREFIXES[type]
  if (prefix === undefined) {
    throw unsupported(entry, `squashfs has only extended attributes of user, trusted and security, and no place for "${name}"`)
  }
  const rest = Buffer.from(name.slice(prefix.length))
  const pair = Buffer.alloc(8 + rest.length + value.length)
  pair.writeUInt16LE(type)
  pair.writeUInt16LE(rest.length, 2)
  pair.set(rest, 4)
  pair.writeUInt32LE(value.length, 4 + rest.length)
  pair.set(value, 8 + rest.length)
  return pair
}
