import { EMPTY, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { ByteReader, StreamedContent, truncated } from './byte-reader.js'
import type { Entry, EntryType } from './entry.js'
import { parsePax, parsePaxNumber, parsePaxTime, XATTR_PREFIX, type PaxRecord } from './pax.js'
import { expandSparse, readOldMap, readPaxMap } from './sparse.js'
import { BLOCK_SIZE, padding, parseHeader, readString, type TarHeader } from './tar-header.js'

/** Extended headers are held in memory, so they may not be larger than this. */
const META_LIMIT = 1 << 20
const ZERO_BLOCK = Buffer.alloc(BLOCK_SIZE)

const TYPES: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  // Contiguous files, which every reader takes for plain ones; and GNU's sparse files.
  '7': 'file',
  S: 'file',
}

/** Records that are members of an entry. */
const STANDARD_KEYS = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'uname', 'gname', 'mtime'])

type Globals = Map<string, Buffer>

/** What extended headers say of the next entry. */
interface Extensions {
  readonly name?: string
  readonly link?: string
  readonly records?: readonly PaxRecord[]
}

/**
 * Reads a tar archive as it streams by: v7, ustar, GNU (long names, large numbers, sparse files) and PAX.
 * An entry's content can be opened once, before the next entry is asked for. The source is read to its end, padding included.
 * @param onEntry is told before each entry at which byte of the source its headers begin
 * @throws {LinuxkitError} `archive/truncated`, `archive/bad-header`, `archive/bad-number`, `archive/unsupported`, `archive/too-large`
 */
export async function* readTar(source: AsyncIterable<Uint8Array>, onEntry?: (start: number) => void): AsyncIterable<Entry> {
  const reader = new ByteReader(source)
  try {
    const globals: Globals = new Map()
    let extensions: Extensions | undefined
    let start = 0
    for (let header = await nextHeader(reader); header !== undefined; header = await nextHeader(reader)) {
      switch (header.typeflag) {
        case 'g':
          // What a global header says of entries stays in force; its other records describe the archive.
          for (const { key, value } of parsePax(await readMeta(reader, header))) if (STANDARD_KEYS.has(key)) globals.set(key, value)
          break
        case 'x':
          extensions = { ...extensions, records: parsePax(await readMeta(reader, header)) }
          break
        case 'L':
          extensions = { ...extensions, name: readString(await readMeta(reader, header)) }
          break
        case 'K':
          extensions = { ...extensions, link: readString(await readMeta(reader, header)) }
          break
        default: {
          const { entry, stored } = await readEntry(reader, header, globals, extensions)
          extensions = undefined
          onEntry?.(start)
          yield entry
          await stored.finish()
          await reader.skip(padding(stored.size))
          start = reader.position
        }
      }
    }
    if (extensions !== undefined) throw truncated()
    while ((await reader.some(Infinity)) !== undefined);
  } finally {
    await reader.close()
  }
}

/** The next header; nothing after two zero blocks, or where the stream ends between entries, as some writers leave it. */
async function nextHeader(reader: ByteReader): Promise<TarHeader | undefined> {
  const block = await reader.read(BLOCK_SIZE)
  if (block.length === 0) return undefined
  if (block.length < BLOCK_SIZE) throw truncated()
  if (!block.equals(ZERO_BLOCK)) return parseHeader(block)
  const second = await reader.read(BLOCK_SIZE)
  if (second.length < BLOCK_SIZE || second.equals(ZERO_BLOCK)) return undefined
  throw new LinuxkitError('archive/bad-header', 'the tar archive is damaged: a zero block stands between entries')
}

/** The data of an extended header. */
async function readMeta(reader: ByteReader, header: TarHeader): Promise<Buffer> {
  if (header.size > META_LIMIT) {
    throw new LinuxkitError('archive/too-large', `an extended header of the archive is ${header.size} bytes long, the limit is 1 MiB`)
  }
  const data = await reader.read(header.size)
  if (data.length < header.size) throw truncated()
  await reader.skip(padding(header.size))
  return data
}

async function readEntry(
  reader: ByteReader,
  header: TarHeader,
  globals: Globals,
  { name = header.name, link = header.link, records = [] }: Extensions = {},
): Promise<{ entry: Entry; stored: StreamedContent }> {
  const record = lookUp(globals, records)
  const number = (key: 'uid' | 'gid' | 'size'): number => {
    const text = record(key)
    return text === undefined ? header[key] : parsePaxNumber(text, key)
  }
  const path = record('GNU.sparse.name') ?? record('path') ?? name
  const type = typeOf(header, path)
  // Only files have data: a size that other types state is that of the file they stand for.
  const { stored, content } = await openContent(reader, header, records, type === 'file' ? number('size') : 0)
  const mtime = record('mtime')
  const entry: Entry = {
    path,
    type,
    mode: header.mode & 0o7777,
    uid: number('uid'),
    gid: number('gid'),
    userName: record('uname') ?? header.userName,
    groupName: record('gname') ?? header.groupName,
    mtime: mtime === undefined ? { seconds: header.mtime, nanoseconds: 0 } : parsePaxTime(mtime),
    link: type === 'symlink' || type === 'hardlink' ? (record('linkpath') ?? link) : '',
    device: type === 'character' || type === 'block' ? header.device : { major: 0, minor: 0 },
    // Copies, so that an entry that is kept does not keep a chunk of the archive.
    xattrs: new Map(
      records.filter(({ key }) => isXattr(key)).map(({ key, value }) => [key.slice(XATTR_PREFIX.length), Buffer.from(value)]),
    ),
    pax: new Map(records.filter(({ key }) => !isHeld(key)).map(({ key, value }) => [key, value.toString('utf8')])),
    content,
  }
  return { entry, stored }
}

/** The PAX value of a member of the entry; an empty one takes back what a global header said. */
function lookUp(globals: Globals, records: readonly PaxRecord[]): (key: string) => string | undefined {
  const values = new Map([...globals, ...records.map(({ key, value }) => [key, value] as const)])
  return (key) => {
    const value = values.get(key)
    if (value?.includes(0) === true) throw new LinuxkitError('archive/bad-header', `the PAX record "${key}" of the archive has a NUL in it`)
    return value === undefined || value.length === 0 ? undefined : value.toString('utf8')
  }
}

function typeOf(header: TarHeader, path: string): EntryType {
  const type = TYPES[header.typeflag]
  if (type === undefined) {
    throw new LinuxkitError('archive/unsupported', `"${path}" in the archive is of the unknown type ${JSON.stringify(header.typeflag)}`)
  }
  // v7 had no type for directories, only the slash.
  return type === 'file' && path.endsWith('/') ? 'directory' : type
}

/** The stored bytes, which the reader must pass over, and the content that they mean. */
async function openContent(
  reader: ByteReader,
  header: TarHeader,
  records: readonly PaxRecord[],
  size: number,
): Promise<{ stored: StreamedContent; content: Content }> {
  const map = header.typeflag === 'S' ? await readOldMap(reader, header.block) : await readPaxMap(reader, records)
  const stored = new StreamedContent(reader, size - (map?.mapSize ?? 0))
  if (map !== undefined) return { stored, content: expandSparse(stored, map) }
  return { stored, content: size === 0 ? EMPTY : stored }
}

function isXattr(key: string): boolean {
  return key.startsWith(XATTR_PREFIX)
}

/** True for the records that other members of an entry hold. */
function isHeld(key: string): boolean {
  return STANDARD_KEYS.has(key) || isXattr(key) || key.startsWith('GNU.sparse.')
}
