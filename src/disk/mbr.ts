import { LinuxkitError } from '../base/errors.js'
import { SECTOR_SIZE } from './sectors.js'

/** Types of partitions in an MBR. */
export const MBR_TYPES = { fat16: 0x0e, fat32: 0x0c, gptProtective: 0xee } as const

export interface MbrPartition {
  /** One of {@link MBR_TYPES}. */
  readonly type: number
  /** Marks the partition that the boot code starts. */
  readonly active: boolean
  /** First sector. */
  readonly start: number
  readonly sectors: number
}

export interface MasterBootRecord {
  /** At most four. */
  readonly partitions: readonly MbrPartition[]
  /** Tells Windows and Linux (`root=PARTUUID=`) this disk from others. */
  readonly diskId: number
  /** At most 440 bytes that the BIOS starts; without them the disk is not bootable by a BIOS. */
  readonly bootCode?: Uint8Array | undefined
}

const CODE_SIZE = 440
const DISK_ID = 440
const ENTRIES = 446
const ENTRY_SIZE = 16
const SIGNATURE = 510

/** The geometry that BIOSes assume of a disk too large for theirs. */
const HEADS = 255
const SECTORS_PER_TRACK = 63
const LAST_CYLINDER = 1023

/**
 * The first sector of a disk: boot code and a table of partitions (UEFI 2.10, section 5.2.1).
 * @throws {LinuxkitError} `disk/too-large` when a partition ends beyond 2 TiB
 */
export function masterBootRecord({ partitions, diskId, bootCode }: MasterBootRecord): Buffer {
  const record = emptyRecord(diskId, bootCode)
  for (const [index, partition] of partitions.entries()) {
    const { start, sectors } = partition
    const last = start + sectors - 1
    if (last >= 2 ** 32) {
      throw new LinuxkitError('disk/too-large', 'the table of partitions in an MBR reaches no further than 2 TiB', {
        hint: 'make the image smaller, or choose a format for UEFI',
      })
    }
    writeEntry(record, index, partition, cylinderHeadSector(start), cylinderHeadSector(last))
  }
  return record
}

/**
 * The MBR of a disk with a GPT, which keeps programs that know no GPT from taking the disk for empty (UEFI 2.10, section 5.2.3).
 * @param sectors of the whole disk
 */
export function protectiveRecord(sectors: number, { diskId = 0, bootCode }: Partial<Omit<MasterBootRecord, 'partitions'>> = {}): Buffer {
  const record = emptyRecord(diskId, bootCode)
  const protective = { type: MBR_TYPES.gptProtective, active: false, start: 1, sectors: Math.min(sectors - 1, 0xffffffff) }
  writeEntry(record, 0, protective, Buffer.of(0, 2, 0), cylinderHeadSector(sectors - 1))
  return record
}

function emptyRecord(diskId: number, bootCode: Uint8Array = new Uint8Array(0)): Buffer {
  if (bootCode.length > CODE_SIZE) throw new Error(`boot code of ${bootCode.length} bytes does not fit an MBR`)
  const record = Buffer.alloc(SECTOR_SIZE)
  record.set(bootCode)
  record.writeUInt32LE(diskId, DISK_ID)
  record.writeUInt16LE(0xaa55, SIGNATURE)
  return record
}

function writeEntry(record: Buffer, index: number, partition: MbrPartition, first: Buffer, last: Buffer): void {
  const entry = ENTRIES + index * ENTRY_SIZE
  record.writeUInt8(partition.active ? 0x80 : 0, entry)
  record.set(first, entry + 1)
  record.writeUInt8(partition.type, entry + 4)
  record.set(last, entry + 5)
  record.writeUInt32LE(partition.start, entry + 8)
  record.writeUInt32LE(partition.sectors, entry + 12)
}

/** The address of a sector as BIOSes before LBA had it, in three bytes; the last one that there is for all that lies behind it. */
function cylinderHeadSector(lba: number): Buffer {
  const cylinder = Math.floor(lba / (HEADS * SECTORS_PER_TRACK))
  if (cylinder > LAST_CYLINDER) return Buffer.of(HEADS - 1, 0xff, 0xff)
  const head = Math.floor(lba / SECTORS_PER_TRACK) % HEADS
  const sector = (lba % SECTORS_PER_TRACK) + 1
  return Buffer.of(head, sector | ((cylinder >> 2) & 0xc0), cylinder & 0xff)
}
