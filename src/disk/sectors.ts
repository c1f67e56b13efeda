/** What disks are addressed in, and what all tables and boot loaders here count in. Disks with sectors of 4096 bytes are not written. */
export const SECTOR_SIZE = 512

export const MEBIBYTE = 1 << 20
export const GIBIBYTE = 1 << 30

/** Where the first partition of a disk begins: at 1 MiB, which every sector and erase block size divides. */
export const FIRST_PARTITION_SECTOR = MEBIBYTE / SECTOR_SIZE

/** The next multiple of `unit`, or the number itself where it is one. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}
