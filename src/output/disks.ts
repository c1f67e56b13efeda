import type { Arch } from '../base/arch.js'
import type { Content } from '../base/content.js'
import { digestOf, type Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { PROGRAM } from '../base/program.js'
import { biosDisk } from '../disk/bios-disk.js'
import { efiDisk } from '../disk/efi-disk.js'
import type { Extents } from '../disk/extents.js'
import { gcpImage } from '../disk/gcp.js'
import { hybridDisk } from '../disk/hybrid-disk.js'
import { qcow2Image } from '../disk/qcow2.js'
import { GIBIBYTE, MEBIBYTE, roundUp } from '../disk/sectors.js'
import { dynamicVhd, fixedVhd } from '../disk/vhd.js'
import { streamOptimizedVmdk } from '../disk/vmdk.js'
import type { BootLoaderName } from '../pkg/boot-loader.js'
import { bootOf, withText } from './boot.js'
import type { Format } from './format.js'
import { EFI_ARCHES, efiArchOf, syslinuxOf, systemdBootOf, unifiedKernelOf } from './loaders.js'
import type { Materials } from './materials.js'
import { kept } from './root-images.js'

/** A disk that some firmware boots. */
interface Firmware {
  readonly startedBy: string
  readonly architectures: readonly Arch[]
  readonly bootLoaders: (arch: Arch) => readonly BootLoaderName[]
  /** @param leastSize of the disk in bytes */
  readonly disk: (materials: Materials, leastSize: number | undefined) => Promise<Extents>
}

const BIOS: Firmware = {
  startedBy: 'BIOS',
  architectures: ['amd64'],
  bootLoaders: () => ['syslinux'],
  disk: async (materials, leastSize) => biosDisk({ ...(await bootOf(materials)), ...syslinuxOf(materials, 'mbr'), leastSize }),
}

const EFI: Firmware = {
  startedBy: 'UEFI',
  architectures: EFI_ARCHES,
  bootLoaders: () => ['systemd-boot'],
  disk: (materials, leastSize) => efiDiskOf(materials, leastSize, withText),
}

async function efiDiskOf(materials: Materials, leastSize: number | undefined, lineOf: (commandLine: string) => string): Promise<Extents> {
  const boot = await bootOf(materials)
  const { content: program } = await unifiedKernelOf(materials, boot, lineOf(boot.commandLine))
  return efiDisk({ identity: boot.identity, arch: efiArchOf(materials), program, leastSize })
}

/** Machines that are not PCs have no BIOS. */
const BOTH: Firmware = {
  startedBy: 'BIOS and UEFI; UEFI where there is no BIOS',
  architectures: EFI_ARCHES,
  bootLoaders: (arch) => (arch === 'amd64' ? ['syslinux', 'systemd-boot'] : ['systemd-boot']),
  async disk(materials, leastSize) {
    if (materials.options.arch !== 'amd64') return efiDiskOf(materials, leastSize, (line) => line)
    const systemdBoot = systemdBootOf(materials)
    return hybridDisk({ ...(await bootOf(materials)), ...syslinuxOf(materials, 'gptmbr'), systemdBoot, leastSize })
  },
}

/** What a disk is put into. */
interface Container {
  /** Bytes that the size of the disk is a multiple of. */
  readonly unit: number
  readonly wrap: (disk: Extents, materials: Materials, key: Digest) => Extents | Promise<Content | Extents>
}

const RAW: Container = { unit: MEBIBYTE, wrap: (disk) => disk }
const QCOW2: Container = { unit: MEBIBYTE, wrap: (disk) => qcow2Image(disk) }

const FIXED_VHD: Container = {
  unit: MEBIBYTE,
  wrap: async (disk, materials) => fixedVhd(disk, (await bootOf(materials)).identity),
}

const DYNAMIC_VHD: Container = {
  unit: MEBIBYTE,
  wrap: async (disk, materials) => dynamicVhd(disk, (await bootOf(materials)).identity),
}

const VMDK: Container = {
  unit: MEBIBYTE,
  async wrap(disk, materials, key) {
    const { identity } = await bootOf(materials)
    return keptContainer(materials, 'vmdk', key, () => streamOptimizedVmdk(disk, { identity, name: 'linuxkit.vmdk' }))
  },
}

const GCP: Container = { unit: GIBIBYTE, wrap: (disk, materials, key) => keptContainer(materials, 'gcp', key, () => gcpImage(disk)) }

/** A container that is compressed, for which it takes long to make. @param disk stands for the disk in it */
async function keptContainer(materials: Materials, format: string, disk: Digest, make: () => AsyncIterable<Uint8Array>): Promise<Content> {
  const { progress } = materials.options
  const key = digestOf(JSON.stringify([PROGRAM, format, process.versions.zlib, process.arch, disk]))
  const { content } = await kept(materials, key, async (writer) => {
    progress({ type: 'start', id: format, title: format })
    await writer.content(make())
    progress({ type: 'finish', id: format })
  })
  return content
}

/** Stands for a disk: all that it is made from. */
async function diskKey(materials: Materials, firmware: Firmware, { size }: Extents): Promise<Digest> {
  const { bootLoaders, arch } = materials.options
  const loaders = firmware.bootLoaders(arch).map((name) => [...(bootLoaders.get(name) ?? [])].map(([path, file]) => [path, digestOf(file)]))
  return digestOf(JSON.stringify([firmware.startedBy, arch, (await bootOf(materials)).identity, loaders, size]))
}

function diskFormat(name: string, suffix: string, summary: string, firmware: Firmware, { unit, wrap }: Container): Format {
  return {
    name,
    summary,
    architectures: firmware.architectures,
    startedBy: firmware.startedBy,
    bootLoaders: firmware.bootLoaders,
    rootOn: 'memory',
    streams: false,
    hasSize: true,
    suffixes: [suffix],
    async make(materials) {
      const sized = await materials.once(`disk ${firmware.startedBy} ${unit}`, () => sizedDisk(materials, firmware.disk, unit))
      return [{ suffix, content: await wrap(sized, materials, await diskKey(materials, firmware, sized)) }]
    },
  }
}

/** A disk of the size that is wanted, or else as large as it has to be. @throws {LinuxkitError} `build/size` */
async function sizedDisk(materials: Materials, disk: Firmware['disk'], unit: number): Promise<Extents> {
  const { size } = materials.options
  const least = await disk(materials, undefined)
  if (size === undefined) return least.size % unit === 0 ? least : disk(materials, roundUp(least.size, unit))
  if (least.size > size) {
    const [needed, wanted] = [least.size, size].map((bytes) => `${Math.ceil(bytes / MEBIBYTE)} MiB`)
    throw new LinuxkitError('build/size', `the image needs a disk of ${needed}, and --size allows ${wanted}`, {
      hint: 'leave --size out for a disk that is as large as it has to be',
    })
  }
  // A partition table has to end where the disk ends, so it is no use to fill the disk up afterwards.
  return disk(materials, roundUp(size, unit))
}

export const DISK_FORMATS: readonly Format[] = [
  diskFormat('raw', '.img', 'a disk or USB stick that boots everywhere', BOTH, RAW),
  diskFormat('raw-bios', '-bios.img', 'a disk or USB stick for a BIOS', BIOS, RAW),
  diskFormat('raw-efi', '-efi.img', 'a disk or USB stick for UEFI', EFI, RAW),
  diskFormat('qcow2-bios', '.qcow2', 'a disk for QEMU and OpenStack, for a BIOS', BIOS, QCOW2),
  diskFormat('qcow2-efi', '-efi.qcow2', 'a disk for QEMU and OpenStack, for UEFI', EFI, QCOW2),
  diskFormat('vhd', '.vhd', 'a disk of fixed size for Azure and Hyper-V', BIOS, FIXED_VHD),
  diskFormat('dynamic-vhd', '.vhd', 'a disk for Hyper-V that grows as it is written', BIOS, DYNAMIC_VHD),
  diskFormat('vmdk', '.vmdk', 'a disk to import into VMware (streamOptimized)', BIOS, VMDK),
  diskFormat('gcp', '.img.tar.gz', 'an image to import into Google Compute Engine', BOTH, GCP),
  diskFormat('aws', '.raw', 'a disk to import into Amazon EC2', BOTH, RAW),
]
