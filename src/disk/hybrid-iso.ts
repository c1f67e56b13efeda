import type { TreeNode } from '../archive/tree.js'
import type { Content } from '../base/content.js'
import type { IsoParts } from './bios-iso.js'
import { EFI_BOOT_PATHS } from './efi-disk.js'
import { efiSystemIso, efiSystemIsoVolumeOptions, EMPTY_ROOT } from './efi-system-iso.js'
import { mediumContent, type Extents } from './extents.js'
import { fatVolume } from './fat.js'
import { contentNumber } from './identity.js'
import { isohybridCode, withIsolinux, type Isolinux, type IsolinuxConfiguration } from './isolinux.js'
import { protectiveRecord } from './mbr.js'
import { SECTOR_SIZE } from './sectors.js'
import type { UnifiedKernel } from './uki.js'

export interface HybridIsoParts extends IsoParts, IsolinuxConfiguration {
  readonly isolinux: Isolinux
  readonly initrd: Content
  /** The program that EFI starts, in which kernel and initrd begin at multiples of 2048 bytes. */
  readonly program: UnifiedKernel
  /** What the image shows beside the boot loader and what that boots; nothing, if not given. */
  readonly root?: TreeNode
}

/**
 * A CD that both a BIOS and EFI boot, for amd64, also when its bytes are on a disk. It holds kernel and initrd once: the files that isolinux opens lie in the
 * program that EFI starts. Its size is a multiple of 1 MiB.
 * @throws {LinuxkitError} as `isoImage` and {@link fatVolume}; `disk/in-the-way`, `disk/command-line-too-long`
 */
export function hybridIso({
  identity,
  isolinux,
  kernel,
  initrd,
  commandLine,
  program,
  root = EMPTY_ROOT,
  ...options
}: HybridIsoParts): Extents {
  const path = EFI_BOOT_PATHS.amd64
  const volume = fatVolume([{ path, content: program.content }], efiSystemIsoVolumeOptions(identity))
  const partition = mediumContent(volume)
  const stretch = (offset = 0) => ({ of: partition, offset: (volume.offsets.get(path) ?? 0) + offset })
  const stretches = new Map([
    [kernel, stretch(program.kernelOffset)],
    [initrd, stretch(program.initrdOffset)],
  ])
  const boot = withIsolinux(root, isolinux, { kernel, initrd, commandLine })
  return efiSystemIso(identity, partition, { ...options, root: boot.root, stretches, boot: [boot.image] }, (iso) => {
    const bootCode = isohybridCode(isolinux, iso.offsetOf(boot.image.content))
    return withActiveEntry(protectiveRecord(iso.size / SECTOR_SIZE, { diskId: contentNumber('disk', identity), bootCode }))
  })
}

/** Of the second partition in an MBR. */
const SECOND_ENTRY = 446 + 16

/** Some BIOSes start no disk without an active partition, and a protective one must not be active; this one has no type, so nobody else minds it. */
function withActiveEntry(record: Buffer): Buffer {
  const changed = Buffer.from(record)
  changed.writeUInt8(0x80, SECOND_ENTRY)
  changed.writeUInt32LE(1, SECOND_ENTRY + 12)
  return changed
}
