import { entry } from '../archive/entry.js'
import type { TreeNode } from '../archive/tree.js'
import type { Content } from '../base/content.js'
import type { Digest } from '../base/digest.js'
import { layOut, type Extents } from './extents.js'
import { GPT_BACKUP_SECTORS, GPT_TYPES, partitionTable } from './gpt.js'
import { contentGuid, contentNumber } from './identity.js'
import { ISO_SECTOR } from './iso-fields.js'
import { isoImage, type IsoImage, type IsoOptions } from './iso9660.js'
import type { FatOptions } from './fat.js'
import { MEBIBYTE, SECTOR_SIZE } from './sectors.js'

export const EMPTY_ROOT: TreeNode = { name: '', entry: entry({ path: '', type: 'directory' }), children: [] }

/**
 * Of the file system in a CD that EFI boots: FAT12 or FAT16, if it is not too large, which EFI promises to read on removable media (UEFI 2.10, section 13.3).
 * Files begin with sectors of the CD, so that its own directories can show them too.
 */
export function efiSystemIsoVolumeOptions(identity: Digest): FatOptions {
  return { id: contentNumber('volume', identity), label: 'LINUXKIT', alignment: ISO_SECTOR }
}

/**
 * A CD whose last content is an EFI system partition, and a GPT that shows it on a disk with the bytes of the CD. Its size is a multiple of 1 MiB.
 * @param partition the partition's content
 * @param makeBootRecord makes the first sector of such a disk
 */
export function efiSystemIso(
  identity: Digest,
  partition: Content,
  { boot = [], ...options }: IsoOptions,
  makeBootRecord: (iso: IsoImage) => Uint8Array,
): Extents {
  const iso = isoImage({
    ...options,
    boot: [...boot, { platform: 'efi', content: partition, alignment: MEBIBYTE }],
    tail: GPT_BACKUP_SECTORS * SECTOR_SIZE,
    sizeMultiple: MEBIBYTE,
  })
  const table = partitionTable({
    diskId: contentGuid('disk', identity),
    diskSize: iso.size,
    bootRecord: makeBootRecord(iso),
    partitions: [
      {
        type: GPT_TYPES.efiSystem,
        id: contentGuid('partition', identity),
        name: 'EFI System Partition',
        start: iso.offsetOf(partition) / SECTOR_SIZE,
        sectors: partition.size / SECTOR_SIZE,
      },
    ],
  })
  return layOut(iso.size, [...table, ...iso.extents])
}
