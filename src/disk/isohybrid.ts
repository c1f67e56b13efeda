import { masterBootRecord } from './mbr.js'
import { SECTOR_SIZE } from './sectors.js'

/** Where the code of syslinux's isohybrid looks for the program, behind itself (syslinux, utils/isohybrid.c). */
const PROGRAM_SECTOR = 432
const CODE_SIZE = 440
/** Hidden NTFS, which isohybrid uses too: no system makes anything of a partition that begins with the disk itself. */
const WHOLE_DISK_TYPE = 0x17

const SECOND_ENTRY = 446 + 16

/** Boot code that finds isolinux on the disk that holds an image. @param program where `isolinux.bin` begins, in bytes */
export function isohybridCode(diskCode: Uint8Array, program: number): Buffer {
  if (diskCode.length > PROGRAM_SECTOR) throw new Error(`isohdpfx.bin has ${diskCode.length} bytes instead of ${PROGRAM_SECTOR}`)
  const code = Buffer.alloc(CODE_SIZE)
  code.set(diskCode)
  code.writeBigUInt64LE(BigInt(program / SECTOR_SIZE), PROGRAM_SECTOR)
  return code
}

/** The first sector of an image that only a BIOS boots: one active partition, which is all of it. */
export function isohybridRecord(size: number, diskId: number, bootCode: Buffer): Buffer {
  return masterBootRecord({
    diskId,
    bootCode,
    partitions: [{ type: WHOLE_DISK_TYPE, active: true, start: 0, sectors: size / SECTOR_SIZE }],
  })
}

/** Adds an active entry without a type to a protective record: some BIOSes start no disk that has none, and nobody else minds it. */
export function withActiveEntry(record: Buffer): Buffer {
  const changed = Buffer.from(record)
  changed.writeUInt8(0x80, SECOND_ENTRY)
  changed.writeUInt32LE(1, SECOND_ENTRY + 12)
  return changed
}
