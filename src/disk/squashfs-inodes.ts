import type { Entry } from '../archive/entry.js'
import type { TreeNode } from '../archive/tree.js'
import { LinuxkitError } from '../base/errors.js'
import { checkInode, countLinks, deviceNumber, directoryLinks, unsupported } from './inode.js'
import type { SquashfsCompressor } from './squashfs-compressor.js'
import { NO_FRAGMENT, type FileLocation } from './squashfs-data.js'
import { encodeListing, type DirectoryName, type PlacedInode } from './squashfs-directory.js'
import { longs, shorts, words } from './little-endian.js'
import { MetadataWriter, METADATA_SIZE, reference } from './squashfs-metadata.js'
import { NO_XATTRS, type SquashfsXattrs } from './squashfs-xattrs.js'

/** Numbers of types (Linux, fs/squashfs/squashfs_fs.h, SQUASHFS_DIR_TYPE and following). */
const TYPES = { directory: 1, file: 2, symlink: 3, block: 4, character: 5, fifo: 6 } as const

/** What an extended inode has added to its type. */
const EXTENDED = 7

/** Users and groups are numbers of 16 bits in a table of both. */
const MOST_IDS = 0xffff

const LATEST = 0xffffffff
/** Of the root; numbers of inodes begin with 1. */
const NO_PARENT = 0
const NO_LOCATION: FileLocation = { start: 0, blocks: [], fragment: NO_FRAGMENT, fragmentOffset: 0, holes: 0 }

/** Writes the inode table and the directory table, both in memory. */
export class SquashfsInodes {
  readonly #inodes: MetadataWriter
  readonly #directories: MetadataWriter
  readonly #locations: ReadonlyMap<Entry, FileLocation>
  readonly #xattrs: SquashfsXattrs
  readonly #ids = new Map<number, number>()
  readonly #references: number[] = []
  #links: ReadonlyMap<Entry, number> = new Map()
  /** Inodes that have more than one name. */
  readonly #linked = new Map<Entry, PlacedInode>()
  #count = 0

  constructor(compressor: SquashfsCompressor, locations: ReadonlyMap<Entry, FileLocation>, xattrs: SquashfsXattrs) {
    this.#inodes = new MetadataWriter(compressor)
    this.#directories = new MetadataWriter(compressor)
    this.#locations = locations
    this.#xattrs = xattrs
  }

  /** @returns a reference to the root's inode */
  async write(tree: TreeNode): Promise<number> {
    this.#links = countLinks(tree)
    return reference(await this.#writeNode(tree, NO_PARENT))
  }

  get count(): number {
    return this.#count
  }

  /** References to the inodes, in the order of their numbers, from 1. */
  get references(): readonly number[] {
    return this.#references
  }

  /** Users and groups, in the order of their indexes. */
  get ids(): readonly number[] {
    return [...this.#ids.keys()]
  }

  async finish(): Promise<{ readonly inodeTable: Buffer; readonly directoryTable: Buffer }> {
    return { inodeTable: (await this.#inodes.finish()).bytes, directoryTable: (await this.#directories.finish()).bytes }
  }

  async #writeNode(node: TreeNode, parent: number): Promise<PlacedInode> {
    const { entry, children } = node
    const known = this.#linked.get(entry)
    if (known !== undefined) return known
    checkInode(node)
    const number = ++this.#count
    const links = this.#links.get(entry) ?? 1
    const [type, body] = children === undefined ? await this.#object(entry, links) : await this.#directory(node, children, number, parent)
    const inode = Buffer.concat([this.#header(entry, type, number), ...body])
    const placed = { number, ...this.#inodes.position, type: type > EXTENDED ? type - EXTENDED : type }
    await this.#inodes.write(inode)
    this.#references[number - 1] = reference(placed)
    if (links > 1) this.#linked.set(entry, placed)
    return placed
  }

  #header({ mode, uid, gid, mtime }: Entry, type: number, number: number): Buffer {
    const header = Buffer.alloc(16)
    header.writeUInt16LE(type)
    header.writeUInt16LE(mode & 0o7777, 2)
    header.writeUInt16LE(this.#id(uid), 4)
    header.writeUInt16LE(this.#id(gid), 6)
    header.writeUInt32LE(Math.min(Math.max(mtime.seconds, 0), LATEST), 8)
    header.writeUInt32LE(number, 12)
    return header
  }

  #id(id: number): number {
    const known = this.#ids.get(id)
    if (known !== undefined) return known
    const index = this.#ids.size
    if (index === MOST_IDS) {
      throw new LinuxkitError(
        'disk/too-many-owners',
        `a squashfs has room for ${MOST_IDS} different users and groups, and the tree has more`,
      )
    }
    this.#ids.set(id, index)
    return index
  }

  async #directory(
    { entry }: TreeNode,
    children: readonly TreeNode[],
    number: number,
    parent: number,
  ): Promise<readonly [number, readonly Buffer[]]> {
    const named: DirectoryName[] = []
    for (const child of children) named.push({ name: Buffer.from(child.name), inode: await this.#writeNode(child, number) })
    const start = this.#directories.position
    let size = 0
    const index: Buffer[] = []
    let indexed = start.block
    for (const group of encodeListing(named, start.offset)) {
      const { block } = this.#directories.position
      if (block !== indexed) index.push(indexEntry(size, block, group.firstName))
      indexed = block
      await this.#directories.write(group.bytes)
      size += group.bytes.length
    }
    const xattrs = await this.#xattrs.idOf(entry)
    const links = directoryLinks(children)
    // Linux counts `.` and `..`, which are not stored, as three bytes (fs/squashfs/dir.c).
    size += 3
    if (xattrs === NO_XATTRS && size <= METADATA_SIZE) {
      return [TYPES.directory, [words([start.block, links]), shorts([size, start.offset]), words([parent])]]
    }
    const extended = [words([links, size, start.block, parent]), shorts([index.length, start.offset]), words([xattrs])]
    return [TYPES.directory + EXTENDED, [...extended, ...index]]
  }

  async #object(entry: Entry, links: number): Promise<readonly [number, readonly Buffer[]]> {
    const xattrs = await this.#xattrs.idOf(entry)
    const withXattrs = (type: number, body: readonly Buffer[]): readonly [number, readonly Buffer[]] =>
      xattrs === NO_XATTRS ? [type, body] : [type + EXTENDED, [...body, words([xattrs])]]
    switch (entry.type) {
      case 'file':
        return fileInode(entry.content.size, links, this.#locations.get(entry) ?? NO_LOCATION, xattrs)
      case 'symlink': {
        const target = Buffer.from(entry.link)
        return withXattrs(TYPES.symlink, [words([links, target.length]), target])
      }
      case 'block':
      case 'character':
        return withXattrs(TYPES[entry.type], [words([links, deviceNumber(entry.device)])])
      case 'fifo':
        return withXattrs(TYPES.fifo, [words([links])])
      default:
        throw unsupported(entry, `a ${entry.type} is no inode`)
    }
  }
}

function fileInode(size: number, links: number, location: FileLocation, xattrs: number): readonly [number, readonly Buffer[]] {
  const { start, blocks, fragment, fragmentOffset, holes } = location
  const list = words(blocks)
  if (links === 1 && xattrs === NO_XATTRS && holes === 0 && size <= LATEST && start <= LATEST) {
    return [TYPES.file, [words([start, fragment, fragmentOffset, size]), list]]
  }
  return [TYPES.file + EXTENDED, [longs([start, size, holes]), words([links, fragment, fragmentOffset, xattrs]), list]]
}

/** Where in a listing, and in which metadata block, a run of names begins. */
function indexEntry(listed: number, block: number, name: Buffer): Buffer {
  return Buffer.concat([words([listed, block, name.length - 1]), name])
}
