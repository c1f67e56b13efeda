import { LinuxkitError } from '../base/errors.js'
import { FAT_ENTRY_SIZE } from './fat-names.js'
import { roundUp, SECTOR_SIZE } from './sectors.js'

/** Bits of an entry of the allocation table. */
export type FatType = 12 | 16 | 32

/** Where things lie in a FAT volume: reserved sectors, two allocation tables, the root directory (not FAT32), clusters. */
export interface FatGeometry {
  readonly type: FatType
  /** Of the volume. */
  readonly sectors: number
  readonly sectorsPerCluster: number
  readonly reservedSectors: number
  /** Of one of the two tables. */
  readonly tableSectors: number
  /** Places in the root directory; 0 for FAT32, whose root directory is like any other. */
  readonly rootEntries: number
  readonly firstDataSector: number
  readonly clusters: number
}

/** What a volume has to hold. */
export interface FatDemand {
  /** The types that it may have. */
  readonly types: readonly FatType[]
  /** Clusters of so many bytes that files and directories take, the root directory included for FAT32 alone. */
  clusters(type: FatType, clusterSize: number): number
  readonly rootEntries: number
  /** Of the volume in bytes. */
  readonly leastSize: number
  /** In bytes: every cluster begins at a multiple of it. */
  readonly alignment: number
}

/** How many clusters make which type (Microsoft FAT specification, section 3.5), with the distance from the limits that it advises. */
const CLUSTERS: Readonly<Record<FatType, { readonly least: number; readonly most: number }>> = {
  12: { least: 1, most: 4084 - 16 },
  16: { least: 4085 + 16, most: 65524 - 16 },
  32: { least: 65525 + 16, most: 0x0ffffff4 - 16 },
}

/** Clusters of up to 32 KiB, which every reader knows. */
const SECTORS_PER_CLUSTER = [1, 2, 4, 8, 16, 32, 64]

/** FAT32 has a second boot sector and more in them (section 3.2 to 3.4). */
const RESERVED_SECTORS: Readonly<Record<FatType, number>> = { 12: 1, 16: 1, 32: 32 }

/** As many as all programs expect of FAT12 and FAT16. */
const USUAL_ROOT_ENTRIES = 512

const MOST_SECTORS = 2 ** 32 - 1

/** The numbers that every FAT has twice, at its beginning. */
export const FIRST_CLUSTER = 2

/**
 * The smallest volume that holds what is demanded; of several such the one with the largest clusters, whose table is the smallest.
 * @throws {LinuxkitError} `disk/too-large` when there is none
 */
export function fatGeometry(demand: FatDemand): FatGeometry {
  const candidates = demand.types.flatMap((type) => SECTORS_PER_CLUSTER.flatMap((sectors) => geometryFor(demand, type, sectors) ?? []))
  const [first, ...others] = candidates
  if (first === undefined) {
    const names = demand.types.map((type) => `FAT${type}`).join(' or ')
    throw new LinuxkitError('disk/too-large', `there is no file system of type ${names} that is large enough`, {
      hint: 'make the image or the disk smaller',
    })
  }
  return others.reduce((best, other) => {
    if (other.sectors !== best.sectors) return other.sectors < best.sectors ? other : best
    return other.sectorsPerCluster > best.sectorsPerCluster ? other : best
  }, first)
}

function geometryFor(demand: FatDemand, type: FatType, sectorsPerCluster: number): FatGeometry | undefined {
  const { least, most } = CLUSTERS[type]
  const alignment = demand.alignment / SECTOR_SIZE
  if (sectorsPerCluster % alignment !== 0) return undefined
  const rootEntries = type === 32 ? 0 : roundUp(Math.max(demand.rootEntries, USUAL_ROOT_ENTRIES), SECTOR_SIZE / FAT_ENTRY_SIZE)
  const rootSectors = (rootEntries * FAT_ENTRY_SIZE) / SECTOR_SIZE
  if (rootEntries > 0xffff) return undefined

  const wanted = Math.max(demand.clusters(type, sectorsPerCluster * SECTOR_SIZE), least)
  const bitsOfSector = SECTOR_SIZE * 8
  const wantedTable = Math.ceil(((wanted + FIRST_CLUSTER) * type) / bitsOfSector)
  const overhead = RESERVED_SECTORS[type] + rootSectors
  const smallest = overhead + (alignment - 1) + 2 * wantedTable + wanted * sectorsPerCluster
  const sectors = Math.max(smallest, Math.ceil(demand.leastSize / SECTOR_SIZE))

  // The smallest table with an entry for each cluster that lies behind it: table * bits = (clusters + 2) * type, clusters = (rest - 2 * table) / perCluster.
  const rest = sectors - overhead
  const tableSectors = Math.ceil(((rest + FIRST_CLUSTER * sectorsPerCluster) * type) / (bitsOfSector * sectorsPerCluster + 2 * type))
  const firstDataSector = roundUp(overhead + 2 * tableSectors, alignment)
  const clusters = Math.floor((sectors - firstDataSector) / sectorsPerCluster)
  if (clusters > most || sectors > MOST_SECTORS) return undefined
  const reservedSectors = firstDataSector - rootSectors - 2 * tableSectors
  return { type, sectors, sectorsPerCluster, reservedSectors, tableSectors, rootEntries, firstDataSector, clusters }
}
