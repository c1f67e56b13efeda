import { open } from 'node:fs/promises'
import { readBytes } from './image-format.js'

const SECTOR = 512

/** What {@link isEfiOnlyDisk} looks at: the boot record, the header of a GPT and its usual 128 entries of 128 bytes (UEFI 2.10, section 5.3). */
export const PARTITION_TABLE_SIZE = 34 * SECTOR

const MBR = { codeSize: 440, entries: 446, entrySize: 16, entryCount: 4, efiSystem: 0xef } as const
const GPT = { entriesSector: 72, entryCount: 80, entrySize: 84 } as const

/** As they lie on the disk: types (UEFI 2.10, table 5.7; GRUB manual, "BIOS installation"). */
const EFI_SYSTEM = Buffer.from('28732ac11ff8d211ba4b00a0c93ec93b', 'hex')
const BIOS_BOOT = Buffer.from('4861682149646f6e744e656564454649', 'hex')
/** An attribute of a partition (UEFI 2.10, table 5.8). */
const LEGACY_BIOS_BOOTABLE = 1 << 2

function gptEntries(start: Buffer): Buffer[] {
  const header = start.subarray(SECTOR, 2 * SECTOR)
  if (header.toString('latin1', 0, 8) !== 'EFI PART') return []
  const first = Number(header.readBigUInt64LE(GPT.entriesSector)) * SECTOR
  const size = header.readUInt32LE(GPT.entrySize)
  return Array.from({ length: Math.min(128, header.readUInt32LE(GPT.entryCount)) }, (_, index) =>
    start.subarray(first + index * size, first + (index + 1) * size),
  ).filter((entry) => entry.length >= 128)
}

/**
 * Whether EFI boots a disk and a BIOS does not: it has an EFI system partition, and no code in its boot record, or none of the partitions in its GPT that
 * such code goes on to.
 * @param start the first {@link PARTITION_TABLE_SIZE} bytes of the disk, or less when it is smaller
 */
export function isEfiOnlyDisk(start: Buffer): boolean {
  if (start.length < 2 * SECTOR) return false
  const hasCode = start.subarray(0, MBR.codeSize).some((byte) => byte !== 0)
  const partitions = gptEntries(start)
  const isOfType = (type: Buffer) => (entry: Buffer) => entry.subarray(0, type.length).equals(type)
  if (partitions.some(isOfType(EFI_SYSTEM))) {
    const forBios = (entry: Buffer) => isOfType(BIOS_BOOT)(entry) || (entry.readUInt32LE(48) & LEGACY_BIOS_BOOTABLE) !== 0
    return !hasCode || !partitions.some(forBios)
  }
  const types = Array.from({ length: MBR.entryCount }, (_, index) => start[MBR.entries + index * MBR.entrySize + 4])
  return !hasCode && types.includes(MBR.efiSystem)
}

/** "El Torito" 1.0, figures 2 to 5, and UEFI 2.10, section 13.3.2.1: platforms that a catalog has something to boot for. */
const ISO_SECTOR = 2048
const BOOT_RECORD = 17
const CATALOG_FIELD = 71
const ENTRY_SIZE = 32
const EFI_PLATFORM = 0xef

/** Whether EFI boots a CD and a BIOS does not: its boot catalog has entries for EFI only. */
export async function isEfiOnlyCd(path: string): Promise<boolean> {
  await using file = await open(path)
  // "El Torito", 2.0: the boot record is the second descriptor.
  const record = await readBytes(file, BOOT_RECORD * ISO_SECTOR, ISO_SECTOR)
  if (record.length < ISO_SECTOR || record[0] !== 0 || record.toString('latin1', 7, 30) !== 'EL TORITO SPECIFICATION') return false
  const catalog = await readBytes(file, record.readUInt32LE(CATALOG_FIELD) * ISO_SECTOR, ISO_SECTOR)
  return catalogPlatforms(catalog).every((platform) => platform === EFI_PLATFORM)
}

function catalogPlatforms(catalog: Buffer): number[] {
  const platforms = [catalog[1] ?? 0]
  // Behind the validation entry and the default entry: a header for each further platform, and the entries that it counts.
  for (let index = 2; (index + 1) * ENTRY_SIZE <= catalog.length;) {
    const [kind, platform = 0] = catalog.subarray(index * ENTRY_SIZE)
    if (kind !== 0x90 && kind !== 0x91) break
    platforms.push(platform)
    index += 1 + catalog.readUInt16LE(index * ENTRY_SIZE + 2)
  }
  return platforms
}
