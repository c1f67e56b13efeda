import type { Timestamp } from '../archive/entry.js'
import type { Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { FAT_ENTRY_SIZE, fatNames, type FatName } from './fat-names.js'

export interface FatFile {
  /** Without a slash at its beginning; the directories come into being by themselves. */
  readonly path: string
  readonly content: Content
  /** Marks the file as read-only, hidden and of the system, as boot loaders do with their own. */
  readonly system?: boolean
}

export interface FatDirectory {
  /** Nothing for the root. */
  readonly parent: FatDirectory | undefined
  readonly children: Map<string, FatNode>
}

export type FatNode = FatDirectory | FatFile

/** A directory with the names as they are written, of which its size follows. */
export interface NamedDirectory {
  readonly directory: FatDirectory
  readonly children: readonly { readonly node: FatNode; readonly name: FatName }[]
  /** In bytes. */
  readonly size: number
}

/** A name of 11 bytes in a directory, and what it stands for. */
interface Target {
  readonly short: Uint8Array
  readonly caseFlags?: number
  readonly attributes: number
  readonly cluster?: number
  readonly size?: number
}

const ATTRIBUTES = { label: 0x08, directory: 0x10, file: 0x20, system: 0x27 } as const
const LARGEST_DIRECTORY = 65536 * FAT_ENTRY_SIZE
const FIRST_YEAR = 1980
const LAST_YEAR = 2107

/**
 * The directories that the paths of files imply, the root first and each before those in it, their children in the order of the files.
 * @throws {LinuxkitError} `disk/bad-name`, `disk/duplicate-name`, `disk/too-large` when one has more than 65536 entries
 */
export function fatDirectories(files: readonly FatFile[]): readonly NamedDirectory[] {
  const root: FatDirectory = { parent: undefined, children: new Map() }
  for (const file of files) addFile(root, file)
  return [...withDescendants(root)].map((directory) => {
    const names = fatNames([...directory.children.keys()])
    const children = [...directory.children.values()].map((node, index) => ({ node, name: names[index] as FatName }))
    const own = (directory.parent === undefined ? 1 : 2) * FAT_ENTRY_SIZE
    const size = children.reduce((sum, { name }) => sum + name.long.length + FAT_ENTRY_SIZE, own)
    if (size > LARGEST_DIRECTORY) throw new LinuxkitError('disk/too-large', 'a directory on a FAT file system has at most 65536 entries')
    return { directory, children, size }
  })
}

function addFile(root: FatDirectory, file: FatFile): void {
  const parents = file.path.split('/')
  const name = parents.pop() ?? ''
  let directory = root
  for (const parent of parents) {
    const known = directory.children.get(parent) ?? { parent: directory, children: new Map<string, FatNode>() }
    if ('path' in known) throw duplicate(known.path)
    directory.children.set(parent, known)
    directory = known
  }
  if (directory.children.has(name)) throw duplicate(file.path)
  directory.children.set(name, file)
}

function duplicate(path: string): LinuxkitError {
  return new LinuxkitError('disk/duplicate-name', `"${path}" is on the same file system twice`)
}

function* withDescendants(directory: FatDirectory): Iterable<FatDirectory> {
  yield directory
  for (const child of directory.children.values()) if (!('path' in child)) yield* withDescendants(child)
}

/**
 * The bytes of a directory (Microsoft FAT specification, section 6).
 * @param clusterOf first cluster of a file or directory, 0 for empty files
 * @param label of the volume; the root has it
 */
export function encodeDirectory(named: NamedDirectory, clusterOf: (node: FatNode) => number, label: string, time: Timestamp): Buffer {
  const { directory, children } = named
  const own: Target[] = []
  if (directory.parent === undefined) own.push({ short: Buffer.from(label.padEnd(11), 'latin1'), attributes: ATTRIBUTES.label })
  else {
    const { parent } = directory
    own.push({ short: Buffer.from('.'.padEnd(11)), attributes: ATTRIBUTES.directory, cluster: clusterOf(directory) })
    // The root is cluster 0 here, also where it has one.
    const cluster = parent.parent === undefined ? 0 : clusterOf(parent)
    own.push({ short: Buffer.from('..'.padEnd(11)), attributes: ATTRIBUTES.directory, cluster })
  }
  const entries = children.flatMap(({ node, name }) => {
    const { short, caseFlags, long } = name
    const target = { short, caseFlags, cluster: clusterOf(node), ...attributesAndSize(node) }
    return [long, directoryEntry(target, time)]
  })
  return Buffer.concat([...own.map((target) => directoryEntry(target, time)), ...entries])
}

function attributesAndSize(node: FatNode): Pick<Target, 'attributes' | 'size'> {
  if (!('path' in node)) return { attributes: ATTRIBUTES.directory }
  return { attributes: node.system === true ? ATTRIBUTES.system : ATTRIBUTES.file, size: node.content.size }
}

function directoryEntry({ short, caseFlags = 0, attributes, cluster = 0, size = 0 }: Target, timestamp: Timestamp): Buffer {
  const { date, time } = dosTime(timestamp)
  const entry = Buffer.alloc(FAT_ENTRY_SIZE)
  entry.set(short)
  entry.writeUInt8(attributes, 11)
  entry.writeUInt8(caseFlags, 12)
  // Made, read, written.
  entry.writeUInt16LE(time, 14)
  entry.writeUInt16LE(date, 16)
  entry.writeUInt16LE(date, 18)
  entry.writeUInt16LE(Math.floor(cluster / 2 ** 16), 20)
  entry.writeUInt16LE(time, 22)
  entry.writeUInt16LE(date, 24)
  entry.writeUInt16LE(cluster % 2 ** 16, 26)
  entry.writeUInt32LE(size, 28)
  return entry
}

/** In steps of two seconds, from 1980 to 2107 (section 6.3); what lies outside becomes the first or last moment of that. */
function dosTime({ seconds }: Timestamp): { readonly date: number; readonly time: number } {
  const earliest = Date.UTC(FIRST_YEAR, 0)
  const latest = Date.UTC(LAST_YEAR + 1, 0) - 1
  const moment = new Date(Math.min(Math.max(seconds * 1000, earliest), latest))
  return {
    date: ((moment.getUTCFullYear() - FIRST_YEAR) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate(),
    time: (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >> 1),
  }
}
