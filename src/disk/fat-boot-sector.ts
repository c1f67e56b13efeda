import { bytesContent } from '../base/content.js'
import type { Extent } from './extents.js'
import { FIRST_CLUSTER, type FatGeometry } from './fat-geometry.js'
import { FAT_MEDIA } from './fat-table.js'
import { SECTOR_SIZE } from './sectors.js'

export interface BootSectorOptions {
  readonly id: number
  readonly label: string
  readonly hiddenSectors?: number
  readonly bootSector?: Uint8Array | undefined
}

/** Where the parameters of the file system stand in a boot sector; before them are a jump and a name, behind them is code. */
const PARAMETERS_START = 11
const PARAMETERS_END = 90
const SIGNATURE = 510

/** The geometry that BIOSes assume of a disk, as in the MBR. */
const HEADS = 255
const SECTORS_PER_TRACK = 63

/** Sectors of FAT32: free space, and copies of the three boot sectors. */
const INFORMATION_SECTOR = 1
const BACKUP_SECTOR = 6

/** INT 18h: tells the BIOS to go on to the next medium. */
const NOTHING_TO_BOOT = [0xcd, 0x18, 0xeb, 0xfe]

/**
 * The reserved sectors at the beginning of a volume (Microsoft FAT specification, section 3).
 * @param used clusters that are taken; they are the first ones
 */
export function bootSectors(geometry: FatGeometry, options: BootSectorOptions, used: number): readonly Extent[] {
  const boot = bootSector(geometry, options)
  if (geometry.type !== 32) return [{ offset: 0, content: bytesContent(boot) }]
  // The third sector is for more code, and has a signature even if there is none.
  const third = Buffer.alloc(SECTOR_SIZE)
  third.writeUInt16LE(0xaa55, SIGNATURE)
  const content = bytesContent(Buffer.concat([boot, informationSector(geometry, used), third]))
  return [0, BACKUP_SECTOR].map((sector) => ({ offset: sector * SECTOR_SIZE, content }))
}

function bootSector(geometry: FatGeometry, { id, label, hiddenSectors = 0, bootSector: template }: BootSectorOptions): Buffer {
  const { type, sectors } = geometry
  const sector = Buffer.alloc(SECTOR_SIZE)
  const extended = type === 32 ? 64 : 36
  if (template === undefined) {
    const code = extended + 26
    sector.set([0xeb, code - 2, 0x90])
    sector.write('MSWIN4.1', 3, 'latin1')
    sector.set(NOTHING_TO_BOOT, code)
  } else {
    sector.set(template.subarray(0, PARAMETERS_START))
    sector.set(template.subarray(PARAMETERS_END, SIGNATURE), PARAMETERS_END)
  }
  const small = type !== 32 && sectors < 65536
  sector.writeUInt16LE(SECTOR_SIZE, 11)
  sector.writeUInt8(geometry.sectorsPerCluster, 13)
  sector.writeUInt16LE(geometry.reservedSectors, 14)
  sector.writeUInt8(2, 16)
  sector.writeUInt16LE(geometry.rootEntries, 17)
  sector.writeUInt16LE(small ? sectors : 0, 19)
  sector.writeUInt8(FAT_MEDIA, 21)
  sector.writeUInt16LE(type === 32 ? 0 : geometry.tableSectors, 22)
  sector.writeUInt16LE(SECTORS_PER_TRACK, 24)
  sector.writeUInt16LE(HEADS, 26)
  sector.writeUInt32LE(hiddenSectors, 28)
  sector.writeUInt32LE(small ? 0 : sectors, 32)
  if (type === 32) {
    sector.writeUInt32LE(geometry.tableSectors, 36)
    sector.writeUInt32LE(FIRST_CLUSTER, 44)
    sector.writeUInt16LE(INFORMATION_SECTOR, 48)
    sector.writeUInt16LE(BACKUP_SECTOR, 50)
  }
  // The first hard disk, and the mark of the three fields behind it.
  sector.writeUInt8(0x80, extended)
  sector.writeUInt8(0x29, extended + 2)
  sector.writeUInt32LE(id, extended + 3)
  sector.write(label.padEnd(11), extended + 7, 'latin1')
  sector.write(`FAT${type}`.padEnd(8), extended + 18, 'latin1')
  sector.writeUInt16LE(0xaa55, SIGNATURE)
  return sector
}

/** How much is free, so that nobody needs to read the table for that (section 5). */
function informationSector({ clusters }: FatGeometry, used: number): Buffer {
  const sector = Buffer.alloc(SECTOR_SIZE)
  sector.write('RRaA', 0, 'latin1')
  sector.write('rrAa', 484, 'latin1')
  sector.writeUInt32LE(clusters - used, 488)
  sector.writeUInt32LE(clusters === used ? 0xffffffff : FIRST_CLUSTER + used, 492)
  sector.writeUInt16LE(0xaa55, SIGNATURE)
  return sector
}
