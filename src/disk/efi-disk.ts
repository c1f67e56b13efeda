import type { Arch } from '../base/arch.js'
import type { Content } from '../base/content.js'
import type { Digest } from '../base/digest.js'
import { efiSystemDisk, efiSystemVolumeOptions } from './efi-system-disk.js'
import type { Extents } from './extents.js'
import { fatVolume } from './fat.js'

/** Architectures of which there are machines that boot by EFI. */
export type EfiArch = Exclude<Arch, 's390x'>

/** What EFI starts from a medium that it knows nothing else of (UEFI 2.10, section 3.5.1.1). */
export const EFI_BOOT_PATHS: Readonly<Record<EfiArch, string>> = {
  amd64: 'EFI/BOOT/BOOTX64.EFI',
  arm64: 'EFI/BOOT/BOOTAA64.EFI',
  riscv64: 'EFI/BOOT/BOOTRISCV64.EFI',
}

export interface EfiDiskParts {
  /** Stands for all that the disk holds: its ids derive from it. */
  readonly identity: Digest
  readonly arch: EfiArch
  /** The program that EFI starts: a unified kernel image. */
  readonly program: Content
  /** Of the disk in bytes; what the image does not need is left free behind its partition. */
  readonly leastSize?: number | undefined
}

/**
 * A disk that EFI boots: a GPT and an EFI system partition with one program. Its size is a multiple of 1 MiB.
 * @throws {LinuxkitError} `disk/file-too-large`, `disk/too-large`
 */
export function efiDisk({ identity, arch, program, leastSize }: EfiDiskParts): Extents {
  const volume = fatVolume([{ path: EFI_BOOT_PATHS[arch], content: program }], efiSystemVolumeOptions(identity))
  return efiSystemDisk(volume, { identity, leastSize })
}
