import { crc32 } from 'node:zlib'
import { bytesContent } from '../base/content.js'
import type { Extent } from './extents.js'
import { mixedEndianGuidBytes, type Guid } from './identity.js'
import { SECTOR_SIZE } from './sectors.js'

/** Types of partitions in a GPT (UEFI 2.10, table 5.7). */
export const GPT_TYPES = { efiSystem: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b' } as const

/** Bit 2 of the attributes (UEFI 2.10, table 5.8): boot code in the MBR starts the partition that has it. */
export const LEGACY_BIOS_BOOTABLE = 1 << 2

export interface GptPartition {
  readonly type: Guid
  readonly id: Guid
  /** At most 36 units of UTF-16. */
  readonly name: string
  /** First sector. */
  readonly start: number
  readonly sectors: number
  /** The low 32 bits: 0 or {@link LEGACY_BIOS_BOOTABLE}. */
  readonly attributes?: number
}

export interface PartitionTable {
  readonly diskId: Guid
  /** Of the whole disk in bytes; the backup of the table lies at its end. */
  readonly diskSize: number
  readonly partitions: readonly GptPartition[]
  /** The first sector of the disk: a {@link protectiveRecord} or what stands in for one. */
  readonly bootRecord: Uint8Array
}

const ENTRY_COUNT = 128
const ENTRY_SIZE = 128
const NAME_UNITS = 36
const HEADER_SIZE = 92
const REVISION = 0x00010000

/** Sectors of the array of entries. */
const ENTRIES_SECTORS = (ENTRY_COUNT * ENTRY_SIZE) / SECTOR_SIZE

/** Sectors at the end of a disk that the backup of the table takes: the entries, and behind them the header. */
export const GPT_BACKUP_SECTORS = ENTRIES_SECTORS + 1

/** MBR, header and entries. */
const FIRST_USABLE_SECTOR = 2 + ENTRIES_SECTORS

/** A table of partitions at the beginning of a disk, and its backup at the end (UEFI 2.10, section 5.3). */
export function partitionTable({ diskId, diskSize, partitions, bootRecord }: PartitionTable): readonly Extent[] {
  const entries = Buffer.alloc(ENTRY_COUNT * ENTRY_SIZE)
  const lastSector = diskSize / SECTOR_SIZE - 1
  const lastUsable = lastSector - GPT_BACKUP_SECTORS
  for (const [index, partition] of partitions.entries()) {
    const last = partition.start + partition.sectors - 1
    if (partition.start < FIRST_USABLE_SECTOR || last > lastUsable) throw new Error(`no place for the partition "${partition.name}"`)
    writeEntry(entries.subarray(index * ENTRY_SIZE, (index + 1) * ENTRY_SIZE), partition)
  }
  const header = (own: number, other: number, entriesSector: number): Buffer => {
    const bytes = Buffer.alloc(SECTOR_SIZE)
    bytes.write('EFI PART', 'latin1')
    bytes.writeUInt32LE(REVISION, 8)
    bytes.writeUInt32LE(HEADER_SIZE, 12)
    bytes.writeBigUInt64LE(BigInt(own), 24)
    bytes.writeBigUInt64LE(BigInt(other), 32)
    bytes.writeBigUInt64LE(BigInt(FIRST_USABLE_SECTOR), 40)
    bytes.writeBigUInt64LE(BigInt(lastUsable), 48)
    bytes.set(mixedEndianGuidBytes(diskId), 56)
    bytes.writeBigUInt64LE(BigInt(entriesSector), 72)
    bytes.writeUInt32LE(ENTRY_COUNT, 80)
    bytes.writeUInt32LE(ENTRY_SIZE, 84)
    bytes.writeUInt32LE(crc32(entries), 88)
    // Of the header, this field being zero.
    bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_SIZE)), 16)
    return bytes
  }
  const primary = Buffer.concat([bootRecord, header(1, lastSector, 2), entries])
  const backup = Buffer.concat([entries, header(lastSector, 1, lastSector - ENTRIES_SECTORS)])
  return [
    { offset: 0, content: bytesContent(primary) },
    { offset: diskSize - backup.length, content: bytesContent(backup) },
  ]
}

function writeEntry(entry: Buffer, { type, id, name, start, sectors, attributes = 0 }: GptPartition): void {
  if (name.length > NAME_UNITS) throw new Error(`the name "${name}" of a partition is longer than ${NAME_UNITS} characters`)
  entry.set(mixedEndianGuidBytes(type))
  entry.set(mixedEndianGuidBytes(id), 16)
  entry.writeBigUInt64LE(BigInt(start), 32)
  entry.writeBigUInt64LE(BigInt(start + sectors - 1), 40)
  entry.writeUInt32LE(attributes, 48)
  entry.write(name, 56, 'utf16le')
}
