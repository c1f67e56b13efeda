import type { TreeNode } from '../archive/tree.js'
import { bytesContent } from '../base/content.js'
import type { Digest } from '../base/digest.js'
import { layOut, type Extents } from './extents.js'
import { contentNumber } from './identity.js'
import { isoImage, type IsoOptions } from './iso9660.js'
import { isohybridCode, withIsolinux, type Isolinux, type IsolinuxConfiguration } from './isolinux.js'
import { masterBootRecord } from './mbr.js'
import { MEBIBYTE, SECTOR_SIZE } from './sectors.js'

/** What every CD that boots is made of. */
export interface IsoParts extends Pick<IsoOptions, 'volumeId' | 'time' | 'joliet'> {
  /** Stands for all that the image holds: its ids derive from it. */
  readonly identity: Digest
}

export interface BiosIsoParts extends IsoParts, IsolinuxConfiguration {
  /** What the image shows, beside the boot loader and what that boots. */
  readonly root: TreeNode
  readonly isolinux: Isolinux
}

/** Hidden NTFS, which nobody mounts; syslinux's isohybrid has it too. */
const WHOLE_IMAGE_TYPE = 0x17

/**
 * A CD that a BIOS boots, also when its bytes are on a disk. Its size is a multiple of 1 MiB.
 * @throws {LinuxkitError} as {@link isoImage}; `disk/in-the-way`, `disk/command-line-too-long`
 */
export function biosIso({ identity, isolinux, root, kernel, initrd, commandLine, ...options }: BiosIsoParts): Extents {
  const boot = withIsolinux(root, isolinux, { kernel, initrd, commandLine })
  const iso = isoImage({ ...options, root: boot.root, boot: [boot.image], sizeMultiple: MEBIBYTE })
  const record = masterBootRecord({
    diskId: contentNumber('disk', identity),
    bootCode: isohybridCode(isolinux, iso.offsetOf(boot.image.content)),
    partitions: [{ type: WHOLE_IMAGE_TYPE, active: true, start: 0, sectors: iso.size / SECTOR_SIZE }],
  })
  return layOut(iso.size, [{ offset: 0, content: bytesContent(record) }, ...iso.extents])
}
