import type { Entry, Timestamp } from '../archive/entry.js'
import type { TreeNode } from '../archive/tree.js'
import { bytesContent, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import type { Extent } from './extents.js'
import { both16, both32, recordTime, ISO_SECTOR, sectorsOf } from './iso-fields.js'
import { jolietMembers, primaryMembers, type Member } from './iso-identifiers.js'
import { attributeFields, ContinuationArea, identityFields, ROOT_FIELDS, type Inode } from './rock-ridge.js'

/** A length of 32 bits that ends with a sector: files that are longer have several records. */
const SECTION_LIMIT = 2 ** 32 - ISO_SECTOR
/** Linux follows no more (fs/isofs/inode.c, isofs_read_level3_size). */
const MOST_SECTIONS = 100
/** The length of a record is one byte, and even (ECMA-119, 9.1.1 and 9.1.13). */
const RECORD_LIMIT = 254
/** Numbers of parents in a path table have 16 bits (ECMA-119, 9.4.4). */
const MOST_PARENTS = 2 ** 16 - 1

const ITSELF = Buffer.from([0])
const PARENT = Buffer.from([1])
const NOTHING = Buffer.alloc(0)

/** How one of the two hierarchies of a volume shows the tree. */
export type Dialect = 'primary' | 'joliet'

/** A hierarchy of directories with its path tables, laid out. */
export interface Hierarchy {
  /** The sector after it. */
  readonly end: number
  readonly pathTableSize: number
  readonly littleEndianTable: number
  readonly bigEndianTable: number
  readonly rootRecord: Buffer
  /** @param sectorOf where the content of files begins; of no interest for empty ones */
  extents(sectorOf: (content: Content) => number): readonly Extent[]
}

interface Directory {
  readonly node: TreeNode
  readonly identifier: Buffer
  /** Of the parent in the path table, which counts from 1; the root is its own. */
  readonly parent: number
  readonly members: readonly Member[]
}

/** What is in a directory as records that lack but the places. */
interface PlannedRecord {
  readonly node: TreeNode
  readonly identifier: Buffer
  readonly systemUse: Buffer
}

/** Where a directory lies. */
interface Place {
  readonly sector: number
  /** In bytes. */
  readonly size: number
  /** Of the continuation area in bytes. It is right behind the directory: libarchive, which reads from front to back, wants it there. */
  readonly continuationSize: number
}

const NOWHERE: Place = { sector: 0, size: 0, continuationSize: 0 }

/**
 * Lays out the directories of a tree: path tables, and in their order the directories.
 * @param start the first sector
 * @throws {LinuxkitError} `disk/name-too-long`, `disk/link-too-long`, `disk/device-number`, `disk/owner-number`, `disk/file-too-large`, `disk/too-many-directories`
 */
export function layOutDirectories(root: TreeNode, dialect: Dialect, start: number): Hierarchy {
  const directories = collect(root, dialect === 'primary' ? primaryMembers : jolietMembers)
  const pathTableSize = directories.reduce((sum, { identifier }) => sum + pathRecordSize(identifier), 0)
  const bigEndianTable = start + sectorsOf(pathTableSize)
  const inodes = number(directories)
  const plan = (directory: Directory, continuation: ContinuationArea) => {
    const systemUse = dialect === 'primary' ? rockRidge(inodes, continuation) : () => NOTHING
    return planRecords(directory, directories[directory.parent - 1] ?? directory, systemUse)
  }
  const places = new Map<TreeNode, Place>()
  const placeOf = (node: TreeNode) => places.get(node) ?? NOWHERE
  let end = bigEndianTable + sectorsOf(pathTableSize)
  for (const directory of directories) {
    const continuation = new ContinuationArea(0)
    const size = packedSize(plan(directory, continuation))
    places.set(directory.node, { sector: end, size, continuationSize: continuation.size })
    end += sectorsOf(size + continuation.size)
  }

  const pathTable = (bigEndian: boolean) =>
    bytesContent(Buffer.concat(directories.map((directory) => pathRecord(directory, placeOf(directory.node).sector, bigEndian))))
  // Planned anew when it is read, so that the records of a large tree are not all in memory.
  const render = (directory: Directory, sectorOf: (content: Content) => number): Buffer => {
    const { sector, size } = placeOf(directory.node)
    const continuation = new ContinuationArea(sector + sectorsOf(size))
    const all = plan(directory, continuation).flatMap((planned) => records(planned, placeOf, sectorOf))
    return Buffer.concat([pack(all, size), continuation.bytes()])
  }
  return {
    end,
    pathTableSize,
    littleEndianTable: start,
    bigEndianTable,
    rootRecord: record({ identifier: ITSELF, ...placeOf(root), flags: DIRECTORY, mtime: root.entry.mtime }),
    extents: (sectorOf) => [
      { offset: start * ISO_SECTOR, content: pathTable(false) },
      { offset: bigEndianTable * ISO_SECTOR, content: pathTable(true) },
      ...directories.map((directory) => {
        const { sector, size, continuationSize } = placeOf(directory.node)
        return { offset: sector * ISO_SECTOR, content: madeContent(size + continuationSize, () => render(directory, sectorOf)) }
      }),
    ],
  }
}

/** The directories in the order of path tables: by level, number of the parent, identifier (ECMA-119, 6.9.1). */
function collect(root: TreeNode, membersOf: (children: readonly TreeNode[]) => readonly Member[]): readonly Directory[] {
  const directories: Directory[] = [{ node: root, identifier: ITSELF, parent: 1, members: membersOf(root.children ?? []) }]
  // The list grows while it is gone through.
  for (let index = 0; index < directories.length; index += 1) {
    for (const { node, identifier } of directories[index]?.members ?? []) {
      if (node.children === undefined) continue
      if (index >= MOST_PARENTS) {
        throw new LinuxkitError(
          'disk/too-many-directories',
          `"${node.entry.path}" is more than an ISO 9660 file system can hold: only its first ${MOST_PARENTS} directories can have others in them`,
        )
      }
      directories.push({ node, identifier, parent: index + 1, members: membersOf(node.children) })
    }
  }
  return directories
}

type SystemUse = (node: TreeNode, identifier: Buffer, isRoot: boolean) => Buffer

/** What Rock Ridge adds to the records. */
function rockRidge(inodes: ReadonlyMap<Entry, Inode>, continuation: ContinuationArea): SystemUse {
  return (node, identifier, isRoot) => {
    const attributes = attributeFields(node, inodes.get(node.entry) ?? { number: 0, links: 1 })
    const fields = isRoot
      ? [ROOT_FIELDS.first, ...attributes, ROOT_FIELDS.last]
      : identifier === ITSELF || identifier === PARENT
        ? attributes
        : [...attributes, ...identityFields(node)]
    return continuation.fit(fields, RECORD_LIMIT - baseSize(identifier))
  }
}

/** Hard links share an entry, which is the inode. A directory has a name, a "." and the ".." of each directory in it. */
function number(directories: readonly Directory[]): ReadonlyMap<Entry, Inode> {
  const inodes = new Map<Entry, Inode>()
  for (const { node, members } of directories) {
    const links = 2 + members.filter((member) => member.node.children !== undefined).length
    inodes.set(node.entry, { number: inodes.size + 1, links })
  }
  for (const { members } of directories) {
    for (const { node } of members) {
      if (node.children !== undefined) continue
      const { number: known, links } = inodes.get(node.entry) ?? { number: inodes.size + 1, links: 0 }
      inodes.set(node.entry, { number: known, links: links + 1 })
    }
  }
  return inodes
}

function planRecords(directory: Directory, parent: Directory, systemUse: SystemUse): readonly PlannedRecord[] {
  const isRoot = directory === parent
  const { node } = directory
  return [
    { node, identifier: ITSELF, systemUse: systemUse(node, ITSELF, isRoot) },
    { node: parent.node, identifier: PARENT, systemUse: systemUse(parent.node, PARENT, false) },
    ...directory.members.map((member) => ({ ...member, systemUse: systemUse(member.node, member.identifier, false) })),
  ]
}

function sectionCount({ entry: { content, path } }: TreeNode): number {
  const count = Math.max(Math.ceil(content.size / SECTION_LIMIT), 1)
  if (count > MOST_SECTIONS) {
    throw new LinuxkitError('disk/file-too-large', `"${path}" has ${content.size} bytes, which is more than an ISO 9660 file can have`)
  }
  return count
}

/** No record crosses the end of a sector (ECMA-119, 6.8.1.1). */
function packedSize(planned: readonly PlannedRecord[]): number {
  let end = 0
  for (const { node, identifier, systemUse } of planned) {
    const length = baseSize(identifier) + even(systemUse.length)
    for (let section = 0; section < sectionCount(node); section += 1) end = nextPosition(end, length) + length
  }
  return sectorsOf(end) * ISO_SECTOR
}

function pack(all: readonly Buffer[], size: number): Buffer {
  const bytes = Buffer.alloc(size)
  let end = 0
  for (const one of all) {
    const position = nextPosition(end, one.length)
    bytes.set(one, position)
    end = position + one.length
  }
  return bytes
}

function nextPosition(end: number, length: number): number {
  return (end % ISO_SECTOR) + length > ISO_SECTOR ? sectorsOf(end) * ISO_SECTOR : end
}

/** The record of a node: several when it is a file of 4 GiB and more, all of which carry its name. */
function records(
  { node, identifier, systemUse }: PlannedRecord,
  placeOf: (node: TreeNode) => Place,
  sectorOf: (content: Content) => number,
): readonly Buffer[] {
  const { mtime, content } = node.entry
  const common = { identifier, systemUse, mtime }
  if (node.children !== undefined) return [record({ ...common, ...placeOf(node), flags: DIRECTORY })]
  const first = content.size === 0 ? 0 : sectorOf(content)
  return Array.from({ length: sectionCount(node) }, (_, index, last = index + 1 === sectionCount(node)) =>
    record({
      ...common,
      sector: first + index * (SECTION_LIMIT / ISO_SECTOR),
      size: last ? content.size - index * SECTION_LIMIT : SECTION_LIMIT,
      flags: last ? 0 : CONTINUES,
    }),
  )
}

/** Flags of records (ECMA-119, 9.1.6). */
const DIRECTORY = 0x02
const CONTINUES = 0x80

interface RecordFields {
  readonly identifier: Buffer
  readonly sector: number
  readonly size: number
  readonly flags: number
  readonly mtime: Timestamp
  readonly systemUse?: Buffer
}

/** ECMA-119, 9.1. */
function record({ identifier, sector, size, flags, mtime, systemUse = NOTHING }: RecordFields): Buffer {
  const bytes = Buffer.alloc(baseSize(identifier) + even(systemUse.length))
  const volume = both16(1)
  const fields = [
    both32(sector),
    both32(size),
    recordTime(mtime),
    Buffer.from([flags, 0, 0]),
    volume,
    Buffer.from([identifier.length]),
    identifier,
  ]
  bytes[0] = bytes.length
  bytes.set(Buffer.concat(fields), 2)
  bytes.set(systemUse, baseSize(identifier))
  return bytes
}

/** Of a record without what Rock Ridge adds. */
function baseSize(identifier: Buffer): number {
  return even(33 + identifier.length)
}

function pathRecordSize(identifier: Buffer): number {
  return even(8 + identifier.length)
}

/** ECMA-119, 9.4. */
function pathRecord({ identifier, parent }: Directory, sector: number, bigEndian: boolean): Buffer {
  const bytes = Buffer.alloc(pathRecordSize(identifier))
  bytes[0] = identifier.length
  if (bigEndian) {
    bytes.writeUInt32BE(sector, 2)
    bytes.writeUInt16BE(parent, 6)
  } else {
    bytes.writeUInt32LE(sector, 2)
    bytes.writeUInt16LE(parent, 6)
  }
  bytes.set(identifier, 8)
  return bytes
}

function even(length: number): number {
  return length + (length % 2)
}

/** Content that is made when it is read. */
function madeContent(size: number, make: () => Uint8Array): Content {
  return { size, open: (range) => bytesContent(make()).open(range) }
}
