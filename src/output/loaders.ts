import type { Arch } from '../base/arch.js'
import { bytesContent, readAll, type Content } from '../base/content.js'
import type { EfiArch } from '../disk/efi-disk.js'
import type { Isolinux } from '../disk/isolinux.js'
import { carveSyslinux, type Syslinux } from '../disk/syslinux.js'
import { unifiedKernel, type UnifiedKernel } from '../disk/uki.js'
import type { BootLoaderName } from '../pkg/boot-loader.js'
import { decompressKernel } from '../rootfs/decompress-kernel.js'
import type { Boot } from './boot.js'
import type { Materials } from './materials.js'

/** The architectures that EFI boots, by the names that its programs have there. */
const EFI_NAMES: Readonly<Record<EfiArch, string>> = { amd64: 'x64', arm64: 'aa64', riscv64: 'riscv64' }

export const EFI_ARCHES = Object.keys(EFI_NAMES) as readonly EfiArch[]

const SYSTEMD = 'usr/lib/systemd/boot/efi'

/** A file out of a boot loader's packages. */
export function loaderFile({ options }: Materials, name: BootLoaderName, path: string): Buffer {
  const file = options.bootLoaders.get(name)?.get(path)
  if (file === undefined) throw new Error(`the boot loader ${name} was asked for "${path}" without being declared by the format`)
  return file
}

/** What a BIOS starts from a disk. @param table how the disk is partitioned */
export function syslinuxOf(materials: Materials, table: 'mbr' | 'gptmbr'): { readonly syslinux: Syslinux; readonly bootCode: Buffer } {
  return {
    syslinux: carveSyslinux(loaderFile(materials, 'syslinux', 'usr/bin/syslinux')),
    bootCode: loaderFile(materials, 'syslinux', `usr/lib/syslinux/mbr/${table}.bin`),
  }
}

/** What a BIOS starts from a CD. */
export function isolinuxOf(materials: Materials): Isolinux {
  return {
    program: loaderFile(materials, 'syslinux', 'usr/lib/ISOLINUX/isolinux.bin'),
    module: loaderFile(materials, 'syslinux', 'usr/lib/syslinux/modules/bios/ldlinux.c32'),
    diskCode: loaderFile(materials, 'syslinux', 'usr/lib/ISOLINUX/isohdpfx.bin'),
  }
}

/** What EFI starts where kernel and initrd are files of their own. */
export function systemdBootOf(materials: Materials): Content {
  return bytesContent(loaderFile(materials, 'systemd-boot', `${SYSTEMD}/systemd-boot${EFI_NAMES[efiArchOf(materials)]}.efi`))
}

/** What EFI starts by itself; kernel and initrd begin with sectors of a CD. */
export async function unifiedKernelOf(
  materials: Materials,
  { kernel, initrd }: Pick<Boot, 'kernel' | 'initrd'>,
  commandLine: string,
): Promise<UnifiedKernel> {
  return unifiedKernel({
    stub: loaderFile(materials, 'systemd-boot', `${SYSTEMD}/linux${EFI_NAMES[efiArchOf(materials)]}.efi.stub`),
    osRelease: 'NAME="LinuxKit"\nID=linuxkit\nPRETTY_NAME="LinuxKit"\n',
    commandLine,
    kernel: await efiKernel(materials, kernel),
    initrd: initrd.size > 0 ? initrd : undefined,
    alignment: 2048,
  })
}

/** Kernels of arm64 and riscv64 are compressed by themselves, which boot loaders undo, but not EFI. */
async function efiKernel(materials: Materials, kernel: Content): Promise<Content> {
  const start = await readAll(kernel.open({ start: 0, end: Math.min(2, kernel.size) }), 2)
  return start.equals(Buffer.of(0x1f, 0x8b)) ? materials.once('unpacked kernel', () => decompressKernel(kernel)) : kernel
}

export function efiArchOf({ options: { arch } }: Materials): EfiArch {
  const found = EFI_ARCHES.find((one: Arch) => one === arch)
  if (found === undefined) throw new Error(`there are no machines of ${arch} with EFI`)
  return found
}
