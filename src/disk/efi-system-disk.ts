import type { Digest } from '../base/digest.js'
import { layOut, shifted, type Extents } from './extents.js'
import { GPT_BACKUP_SECTORS, GPT_TYPES, partitionTable } from './gpt.js'
import { contentGuid, contentNumber } from './identity.js'
import { protectiveRecord } from './mbr.js'
import type { FatOptions } from './fat.js'
import { FIRST_PARTITION_SECTOR, MEBIBYTE, roundUp, SECTOR_SIZE } from './sectors.js'

export interface EfiSystemDiskOptions {
  readonly identity: Digest
  /** What a BIOS starts, if the disk is for one too. */
  readonly bootCode?: Uint8Array
  /** Attributes of the partition in the GPT. */
  readonly attributes?: number
  /** Of the disk in bytes. */
  readonly leastSize?: number | undefined
}

/** Of the file system in a partition that {@link efiSystemDisk} makes: EFI promises to read FAT32 on disks (UEFI 2.10, section 13.3). */
export function efiSystemVolumeOptions(identity: Digest): FatOptions {
  return { id: contentNumber('volume', identity), label: 'LINUXKIT', types: [32], hiddenSectors: FIRST_PARTITION_SECTOR }
}

/** A disk with a GPT and one partition, an EFI system partition; its size is a multiple of 1 MiB. */
export function efiSystemDisk(volume: Extents, { identity, bootCode, attributes = 0, leastSize = 0 }: EfiSystemDiskOptions): Extents {
  const start = FIRST_PARTITION_SECTOR
  const offset = start * SECTOR_SIZE
  const diskSize = roundUp(Math.max(offset + volume.size + GPT_BACKUP_SECTORS * SECTOR_SIZE, leastSize), MEBIBYTE)
  const partition = {
    type: GPT_TYPES.efiSystem,
    id: contentGuid('partition', identity),
    name: 'EFI System Partition',
    start,
    sectors: volume.size / SECTOR_SIZE,
    attributes,
  }
  const bootRecord = protectiveRecord(diskSize / SECTOR_SIZE, { diskId: contentNumber('disk', identity), bootCode })
  const table = partitionTable({ diskId: contentGuid('disk', identity), diskSize, partitions: [partition], bootRecord })
  return layOut(diskSize, [...table, ...shifted(volume, offset)])
}
