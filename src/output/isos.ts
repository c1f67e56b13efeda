import { FIXED_TIME } from '../archive/entry.js'
import { biosIso } from '../disk/bios-iso.js'
import { efiIso } from '../disk/efi-iso.js'
import { hybridIso } from '../disk/hybrid-iso.js'
import { isoImage } from '../disk/iso9660.js'
import { bootOf, bootWith, initramfsFor, withRoot, withText, type Boot } from './boot.js'
import type { Format } from './format.js'
import { EFI_ARCHES, efiArchOf, isolinuxOf, unifiedKernelOf } from './loaders.js'
import type { Materials } from './materials.js'
import { isoPlace, markedIso, treeOf } from './root-images.js'

const VOLUME = { volumeId: 'LinuxKit', time: FIXED_TIME } as const

const common = { streams: false, hasSize: false } as const

const isoBios: Format = {
  ...common,
  name: 'iso-bios',
  summary: 'a CD or USB stick for a BIOS, with the root on it',
  architectures: ['amd64'],
  startedBy: 'BIOS',
  rootOn: 'ISO 9660',
  suffixes: ['.iso'],
  bootLoaders: () => ['syslinux'],
  async make(materials) {
    const root = await treeOf(materials)
    const { initrd, ...boot } = await bootWithRootOnIso(materials, '/dev/sr0')
    const parts = { ...VOLUME, ...boot, initrd: initrd.size > 0 ? initrd : undefined }
    const iso = biosIso({ ...parts, root: root.tree, joliet: true, isolinux: isolinuxOf(materials) })
    return [{ suffix: '.iso', content: markedIso(iso, root).iso }]
  },
}

const isoEfi: Format = {
  ...common,
  name: 'iso-efi',
  summary: 'a CD or USB stick for UEFI, with the root on it',
  architectures: EFI_ARCHES,
  startedBy: 'UEFI',
  rootOn: 'ISO 9660',
  suffixes: ['-efi.iso'],
  bootLoaders: () => ['systemd-boot'],
  async make(materials) {
    const root = await treeOf(materials)
    const boot = await bootWithRootOnIso(materials, materials.options.arch === 'amd64' ? '/dev/sr0' : '/dev/vda')
    const { content: program } = await unifiedKernelOf(materials, boot, withText(boot.commandLine))
    const iso = efiIso({ ...VOLUME, identity: boot.identity, arch: efiArchOf(materials), program, root: root.tree })
    return [{ suffix: '-efi.iso', content: markedIso(iso, root).iso }]
  },
}

/** @param device that the kernel finds the root on, if nobody helps it */
function bootWithRootOnIso(materials: Materials, device: string): Promise<Boot> {
  return materials.once(`boot from ${device}`, async () => {
    const root = await treeOf(materials)
    const initramfs = await initramfsFor(materials, 'iso9660', isoPlace(root.identity))
    const boot = await bootWith(root, initramfs)
    return initramfs === undefined ? { ...boot, commandLine: withRoot(boot.commandLine, device) } : boot
  })
}

const isoEfiInitrd: Format = {
  ...common,
  name: 'iso-efi-initrd',
  summary: 'a CD or USB stick for UEFI, with the tree in an initrd',
  architectures: EFI_ARCHES,
  startedBy: 'UEFI',
  rootOn: 'memory',
  suffixes: ['-efi-initrd.iso'],
  bootLoaders: () => ['systemd-boot'],
  async make(materials) {
    const boot = await bootOf(materials)
    const { content: program } = await unifiedKernelOf(materials, boot, withText(boot.commandLine))
    const iso = efiIso({ ...VOLUME, identity: boot.identity, arch: efiArchOf(materials), program })
    return [{ suffix: '-efi-initrd.iso', content: iso }]
  },
}

/** Machines that are not PCs have no BIOS. */
const iso: Format = {
  ...common,
  name: 'iso',
  summary: 'a CD or USB stick that boots everywhere, with the tree in an initrd',
  architectures: EFI_ARCHES,
  startedBy: 'BIOS and UEFI; UEFI where there is no BIOS',
  rootOn: 'memory',
  suffixes: ['.iso'],
  bootLoaders: (arch) => (arch === 'amd64' ? ['syslinux', 'systemd-boot'] : ['systemd-boot']),
  async make(materials) {
    const boot = await bootOf(materials)
    const program = await unifiedKernelOf(materials, boot, boot.commandLine)
    const content =
      materials.options.arch === 'amd64'
        ? hybridIso({ ...VOLUME, ...boot, program, isolinux: isolinuxOf(materials) })
        : efiIso({ ...VOLUME, identity: boot.identity, arch: efiArchOf(materials), program: program.content })
    return [{ suffix: '.iso', content }]
  },
}

export const ISO_FORMATS: readonly Format[] = [iso, isoBios, isoEfi, isoEfiInitrd]

/** A CD with the tree that nothing starts from by itself. */
export async function rootIso(materials: Materials) {
  const root = await treeOf(materials)
  return { ...markedIso(isoImage({ ...VOLUME, root: root.tree, joliet: true }), root), boot: root }
}
