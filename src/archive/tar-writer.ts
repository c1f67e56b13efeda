import { posix } from 'node:path'
import { bytesContent, concatContents, EMPTY, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import type { Entry, EntryType } from './entry.js'
import { paddedContent } from './padded-content.js'
import { formatPax, formatPaxTime, XATTR_PREFIX } from './pax.js'
import { BLOCK_SIZE, FIELDS, headerChecksum, padding } from './tar-header.js'

/** What ends an archive: two zero blocks. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK_SIZE)

const TYPEFLAGS: Readonly<Record<EntryType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

type Field = keyof typeof FIELDS

/**
 * Writes entries as a tar archive, without its end ({@link TAR_END}), so that archives can be joined.
 * Headers are as Go's archive/tar writes them in the PAX format: ustar, preceded by an extended header with sorted records for
 * whatever ustar cannot hold. The same entries always give the same bytes.
 * @throws {LinuxkitError} `archive/unsupported` for what tar cannot hold
 */
export async function* writeTar(entries: AsyncIterable<Entry>): AsyncIterable<Uint8Array> {
  for await (const entry of entries) {
    const content = entry.type === 'file' ? entry.content : EMPTY
    yield headersOf(entry, content.size)
    yield* paddedContent(content, padding(content.size), entry.path)
  }
}

/** A whole archive, its end included, of entries whose contents can be opened again. */
export function tarContent(entries: readonly Entry[]): Content {
  const pieces = entries.flatMap((entry) => {
    const content = entry.type === 'file' ? entry.content : EMPTY
    return [bytesContent(headersOf(entry, content.size)), content, bytesContent(new Uint8Array(padding(content.size)))]
  })
  return concatContents([...pieces, bytesContent(TAR_END)])
}

function headersOf(entry: Entry, size: number): Buffer {
  const records = paxRecords(entry, size)
  return records.size === 0 ? entryHeader(entry, size) : Buffer.concat([extendedHeader(entry.path, records), entryHeader(entry, size)])
}

/** What the ustar header of an entry cannot say. */
function paxRecords(entry: Entry, size: number): ReadonlyMap<string, string | Uint8Array> {
  const records = new Map<string, string | Uint8Array>(entry.pax)
  for (const [name, value] of entry.xattrs) records.set(XATTR_PREFIX + name, value)
  const text = (key: string, field: Field, value: string): void => {
    if (value.includes('\0')) throw new LinuxkitError('archive/unsupported', `the ${key} ${JSON.stringify(value)} has a NUL in it`)
    if (!isAscii(value) || value.length > FIELDS[field][1]) records.set(key, value)
  }
  const number = (key: string, field: Field, value: number): void => {
    if (!fits(field, value)) records.set(key, String(value))
  }
  text('path', 'name', entry.path)
  text('linkpath', 'link', entry.link)
  text('uname', 'userName', entry.userName)
  text('gname', 'groupName', entry.groupName)
  number('uid', 'uid', entry.uid)
  number('gid', 'gid', entry.gid)
  number('size', 'size', size)
  if (entry.mtime.nanoseconds !== 0 || !fits('mtime', entry.mtime.seconds)) records.set('mtime', formatPaxTime(entry.mtime))
  for (const key of records.keys()) {
    if (key === '' || /[=\0]/.test(key))
      throw new LinuxkitError('archive/unsupported', `tar has no place for the attribute "${key}" of "${entry.path}"`)
  }
  return records
}

function entryHeader(entry: Entry, size: number): Buffer {
  const { major, minor } = entry.device
  if (!fits('major', major) || !fits('minor', minor)) {
    throw new LinuxkitError('archive/unsupported', `tar has no place for the device number ${major}:${minor} of "${entry.path}"`)
  }
  const block = new HeaderBlock(TYPEFLAGS[entry.type])
  block.text('name', entry.path)
  block.text('link', entry.link)
  block.number('mode', entry.mode)
  block.number('uid', entry.uid)
  block.number('gid', entry.gid)
  block.number('size', size)
  block.number('mtime', entry.mtime.seconds)
  block.text('userName', entry.userName)
  block.text('groupName', entry.groupName)
  block.number('major', major)
  block.number('minor', minor)
  return block.finish()
}

/** An `x` header and its records, filled up to whole blocks. */
function extendedHeader(path: string, records: ReadonlyMap<string, string | Uint8Array>): Buffer {
  const data = formatPax(records)
  const slash = path.lastIndexOf('/') + 1
  const block = new HeaderBlock('x')
  const name = ascii(posix.join(path.slice(0, slash), 'PaxHeaders.0', path.slice(slash)))
  block.text('name', name.slice(0, FIELDS.name[1]).replace(/\/+$/, ''))
  for (const field of ['mode', 'uid', 'gid', 'mtime'] as const) block.number(field, 0)
  block.number('size', data.length)
  return Buffer.concat([block.finish(), data, Buffer.alloc(padding(data.length))])
}

class HeaderBlock {
  readonly #bytes = Buffer.alloc(BLOCK_SIZE)

  constructor(typeflag: string) {
    this.#bytes.write(typeflag, FIELDS.typeflag[0], 'latin1')
    this.#bytes.write('ustar\x0000', FIELDS.magic[0], 'latin1')
  }

  /** As much as the field holds; where that is not all, a PAX record has it. */
  text(field: Field, value: string): void {
    const [start, length] = FIELDS[field]
    const text = ascii(value)
    const cut = text.slice(0, length)
    this.#bytes.write(cut, start, 'latin1')
    // Some readers take a name for a directory's that was cut so that it ends in a slash.
    if (text.length > length && cut.endsWith('/')) this.#bytes[start + cut.replace(/\/+$/, '').length] = 0
  }

  /** Octal digits and a NUL; zero where a PAX record has the number. */
  number(field: Field, value: number): void {
    const [start, length] = FIELDS[field]
    const digits = (fits(field, value) ? value : 0).toString(8).padStart(length - 1, '0')
    this.#bytes.write(digits, start, 'latin1')
  }

  finish(): Buffer {
    // The field is traditionally six digits, NUL, space.
    this.#bytes.write(`${headerChecksum(this.#bytes).toString(8).padStart(6, '0')}\0 `, FIELDS.checksum[0], 'latin1')
    return this.#bytes
  }
}

/** True when the number fits the octal digits of a field, one of which is the NUL at its end. */
function fits(field: Field, value: number): boolean {
  return value >= 0 && value < 8 ** (FIELDS[field][1] - 1)
}

function isAscii(text: string): boolean {
  return ascii(text) === text
}

/** The text without characters that a ustar header cannot hold. */
function ascii(text: string): string {
  return Buffer.from(Buffer.from(text).filter((byte) => byte > 0 && byte < 0x80)).toString('latin1')
}
