import { bytesContent, type Content } from '../base/content.js'
import type { Digest } from '../base/digest.js'
import { layOut, shifted, type Extents } from './extents.js'
import { contentNumber } from './identity.js'
import { masterBootRecord, MBR_TYPES } from './mbr.js'
import { FIRST_PARTITION_SECTOR, MEBIBYTE, roundUp, SECTOR_SIZE } from './sectors.js'
import { syslinuxVolume, type Syslinux } from './syslinux.js'

export interface BiosDiskParts {
  /** Stands for all that the disk holds: its ids derive from it. */
  readonly identity: Digest
  /** What the BIOS starts: syslinux's `mbr.bin`, which goes on to the active partition. */
  readonly bootCode: Uint8Array
  readonly syslinux: Syslinux
  readonly kernel: Content
  readonly initrd: Content
  readonly commandLine: string
  /** Of the disk in bytes; what the image does not need is left free behind its partition. */
  readonly leastSize?: number | undefined
}

/**
 * A disk that a BIOS boots: an MBR and one active FAT partition with syslinux, `/kernel` and `/initrd.img`. Its size is a multiple of 1 MiB.
 * @throws {LinuxkitError} `disk/file-too-large`, `disk/too-large`, `disk/command-line-too-long`
 */
export function biosDisk({ identity, bootCode, syslinux, kernel, initrd, commandLine, leastSize = 0 }: BiosDiskParts): Extents {
  const start = FIRST_PARTITION_SECTOR
  const volume = syslinuxVolume(
    syslinux,
    { kernel: 'kernel', initrd: 'initrd.img', commandLine },
    [
      { path: 'kernel', content: kernel },
      { path: 'initrd.img', content: initrd },
    ],
    { id: contentNumber('volume', identity), label: 'LINUXKIT', types: [16, 32], hiddenSectors: start },
  )
  const partition = {
    type: volume.type === 32 ? MBR_TYPES.fat32 : MBR_TYPES.fat16,
    active: true,
    start,
    sectors: volume.size / SECTOR_SIZE,
  }
  const record = masterBootRecord({ partitions: [partition], diskId: contentNumber('disk', identity), bootCode })
  const offset = start * SECTOR_SIZE
  const size = roundUp(Math.max(offset + volume.size, leastSize), MEBIBYTE)
  return layOut(size, [{ offset: 0, content: bytesContent(record) }, ...shifted(volume, offset)])
}
