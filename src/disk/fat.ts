import { FIXED_TIME, type Timestamp } from '../archive/entry.js'
import { bytesContent } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { layOut, type Extent, type Extents } from './extents.js'
import { bootSectors } from './fat-boot-sector.js'
import { encodeDirectory, fatDirectories, type FatFile, type FatNode } from './fat-directory.js'
import { fatGeometry, FIRST_CLUSTER, type FatType } from './fat-geometry.js'
import { FAT_ENTRY_SIZE } from './fat-names.js'
import { allocationTable } from './fat-table.js'
import { SECTOR_SIZE } from './sectors.js'

export type { FatFile } from './fat-directory.js'
export type { FatType } from './fat-geometry.js'

export interface FatOptions {
  /** Tells the volume from others; 32 bits. */
  readonly id: number
  /** 1 to 11 characters: upper case, digits, `_` and `-`. */
  readonly label: string
  /** The types to choose from; all by default. The smallest volume wins. */
  readonly types?: readonly FatType[]
  /** Of the volume in bytes. */
  readonly leastSize?: number
  /** First sector of the partition that the volume will be in: code that a BIOS starts needs to know it. */
  readonly hiddenSectors?: number
  /** A boot sector to take the jump, the name and the code from. Without one the volume cannot be started by a BIOS. */
  readonly bootSector?: Uint8Array | undefined
  /** In bytes, a power of two from 512 to 32768: files begin at multiples of it. */
  readonly alignment?: number
  readonly time?: Timestamp
}

/** A volume, ready to be put into a partition. */
export interface FatVolume extends Extents {
  readonly type: FatType
  /** Where in the volume each file begins, by its path; a file lies in one piece. Empty files are nowhere. */
  readonly offsets: ReadonlyMap<string, number>
}

const LABEL = /^[A-Z0-9_-]{1,11}$/
const FILE_LIMIT = 2 ** 32
const ALL_TYPES: readonly FatType[] = [12, 16, 32]

/**
 * A FAT file system with the given files, laid out one behind the other in the order given. Where they lie depends on paths, sizes and options
 * alone, not on the contents.
 * @throws {LinuxkitError} `disk/file-too-large`, `disk/too-large`, `disk/bad-name`, `disk/duplicate-name`
 */
export function fatVolume(files: readonly FatFile[], options: FatOptions): FatVolume {
  if (!LABEL.test(options.label)) throw new Error(`"${options.label}" cannot be the label of a FAT volume`)
  for (const { path, content } of files) checkSize(path, content.size)
  const directories = fatDirectories(files)
  const rootSize = directories[0]?.size ?? 0
  const geometry = fatGeometry({
    types: options.types ?? ALL_TYPES,
    clusters(type, clusterSize) {
      const sizes = [...directories.slice(type === 32 ? 0 : 1).map(({ size }) => size), ...files.map(({ content }) => content.size)]
      return sizes.reduce((sum, size) => sum + Math.ceil(size / clusterSize), 0)
    },
    rootEntries: rootSize / FAT_ENTRY_SIZE,
    leastSize: options.leastSize ?? 0,
    alignment: options.alignment ?? SECTOR_SIZE,
  })
  const { type, sectorsPerCluster, reservedSectors, tableSectors, firstDataSector } = geometry

  const clusters = new Map<FatNode, number>()
  const lastClusters: number[] = []
  let free = FIRST_CLUSTER
  const allocate = (node: FatNode, size: number): void => {
    if (size === 0) return
    clusters.set(node, free)
    free += Math.ceil(size / (sectorsPerCluster * SECTOR_SIZE))
    lastClusters.push(free - 1)
  }
  // The root has a place of its own but in FAT32.
  for (const { directory, size } of directories) if (type === 32 || directory.parent !== undefined) allocate(directory, size)
  for (const file of files) allocate(file, file.content.size)

  const clusterOf = (node: FatNode): number => clusters.get(node) ?? 0
  const offsetOf = (node: FatNode): number | undefined => {
    const cluster = clusters.get(node)
    return cluster === undefined ? undefined : (firstDataSector + (cluster - FIRST_CLUSTER) * sectorsPerCluster) * SECTOR_SIZE
  }
  const table = allocationTable(type, lastClusters)
  const afterTables = (count: number): number => (reservedSectors + count * tableSectors) * SECTOR_SIZE
  const extents: Extent[] = [...bootSectors(geometry, options, free - FIRST_CLUSTER)]
  for (const before of [0, 1]) extents.push({ offset: afterTables(before), content: table })
  for (const named of directories) {
    const content = bytesContent(encodeDirectory(named, clusterOf, options.label, options.time ?? FIXED_TIME))
    extents.push({ offset: offsetOf(named.directory) ?? afterTables(2), content })
  }
  const offsets = new Map<string, number>()
  for (const file of files) {
    const offset = offsetOf(file)
    if (offset === undefined) continue
    offsets.set(file.path, offset)
    extents.push({ offset, content: file.content })
  }
  return { ...layOut(geometry.sectors * SECTOR_SIZE, extents), type, offsets }
}

function checkSize(path: string, size: number): void {
  if (size < FILE_LIMIT) return
  const gigabytes = (size / 2 ** 30).toFixed(1)
  throw new LinuxkitError(
    'disk/file-too-large',
    `"${path}" has ${gigabytes} GiB, but a file on a FAT file system must be smaller than 4 GiB`,
    {
      hint: 'make the image smaller, or choose a format that does not boot from a FAT file system',
    },
  )
}
