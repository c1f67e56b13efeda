import { bootOf } from './boot.js'
import type { Format } from './format.js'
import { EFI_ARCHES, unifiedKernelOf } from './loaders.js'

/** The same program as in the formats for UEFI, for those who have a boot loader, a network to boot from, or a key to sign it with. */
export const uki: Format = {
  name: 'uki',
  summary: 'a unified kernel image: kernel, initrd and command line in one program for UEFI',
  architectures: EFI_ARCHES,
  startedBy: 'UEFI, systemd-boot, iPXE',
  rootOn: 'memory',
  streams: false,
  hasSize: false,
  suffixes: ['.efi'],
  bootLoaders: () => ['systemd-boot'],
  async make(materials) {
    const boot = await bootOf(materials)
    const { content } = await unifiedKernelOf(materials, boot, boot.commandLine)
    return [{ suffix: '.efi', content }]
  },
}
