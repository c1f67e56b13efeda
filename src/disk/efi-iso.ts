import type { TreeNode } from '../archive/tree.js'
import type { Content } from '../base/content.js'
import type { IsoParts } from './bios-iso.js'
import { EFI_BOOT_PATHS, type EfiArch } from './efi-disk.js'
import { efiSystemIso, efiSystemIsoVolumeOptions, EMPTY_ROOT } from './efi-system-iso.js'
import { mediumContent, type Extents } from './extents.js'
import { fatVolume } from './fat.js'
import { protectiveRecord } from './mbr.js'
import { SECTOR_SIZE } from './sectors.js'

export interface EfiIsoParts extends IsoParts {
  readonly arch: EfiArch
  /** The program that EFI starts: a unified kernel image. */
  readonly program: Content
  /** What the image shows: nothing, if not given, for all that is needed to boot lies in a partition of its own. */
  readonly root?: TreeNode
}

/**
 * A CD that EFI boots, also when its bytes are on a disk. Its size is a multiple of 1 MiB.
 * @throws {LinuxkitError} as `isoImage` and {@link fatVolume}
 */
export function efiIso({ identity, arch, program, root = EMPTY_ROOT, ...options }: EfiIsoParts): Extents {
  const volume = fatVolume([{ path: EFI_BOOT_PATHS[arch], content: program }], efiSystemIsoVolumeOptions(identity))
  return efiSystemIso(identity, mediumContent(volume), { ...options, root }, ({ size }) => protectiveRecord(size / SECTOR_SIZE))
}
