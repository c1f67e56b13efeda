import { textContent, type Content } from '../base/content.js'
import { singleLine } from './command-line.js'
import type { BiosDiskParts } from './bios-disk.js'
import { EFI_BOOT_PATHS } from './efi-disk.js'
import { efiSystemDisk, efiSystemVolumeOptions } from './efi-system-disk.js'
import type { Extents } from './extents.js'
import { LEGACY_BIOS_BOOTABLE } from './gpt.js'
import { syslinuxVolume } from './syslinux.js'

export interface HybridDiskParts extends BiosDiskParts {
  /** What the BIOS starts: syslinux's `gptmbr.bin`, which goes on to the partition that is marked for it. */
  readonly bootCode: Uint8Array
  /** What EFI starts: systemd's `systemd-bootx64.efi`. */
  readonly systemdBoot: Content
}

/**
 * A disk that both a BIOS and EFI boot, for amd64: a GPT and an EFI system partition with syslinux and systemd-boot, which share `/kernel` and
 * `/initrd.img`. Its size is a multiple of 1 MiB.
 * @throws {LinuxkitError} `disk/file-too-large`, `disk/too-large`, `disk/command-line-too-long`
 */
export function hybridDisk({
  identity,
  bootCode,
  syslinux,
  systemdBoot,
  kernel,
  initrd,
  commandLine,
  leastSize,
}: HybridDiskParts): Extents {
  const volume = syslinuxVolume(
    syslinux,
    { kernel: 'kernel', initrd: 'initrd.img', commandLine },
    [
      { path: EFI_BOOT_PATHS.amd64, content: systemdBoot },
      { path: 'loader/loader.conf', content: textContent('timeout 0\neditor no\n') },
      { path: 'loader/entries/linuxkit.conf', content: textContent(loaderEntry(commandLine)) },
      { path: 'kernel', content: kernel },
      { path: 'initrd.img', content: initrd },
    ],
    efiSystemVolumeOptions(identity),
  )
  return efiSystemDisk(volume, { identity, bootCode, attributes: LEGACY_BIOS_BOOTABLE, leastSize })
}

/** The UAPI group's specification 1, "Boot Loader Specification", type 1. */
function loaderEntry(commandLine: string): string {
  return ['title LinuxKit', 'linux /kernel', 'initrd /initrd.img', `options ${singleLine(commandLine)}`, ''].join('\n')
}
