import { entry, type Timestamp } from '../archive/entry.js'
import type { TreeNode } from '../archive/tree.js'
import { bytesContent, textContent, type Content } from '../base/content.js'
import type { Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import type { BootImage } from './el-torito.js'
import { layOut, mediumContent, type Extent, type Extents } from './extents.js'
import { fatVolume, type FatVolume } from './fat.js'
import { GPT_BACKUP_SECTORS, GPT_TYPES, partitionTable } from './gpt.js'
import { contentGuid, contentNumber } from './identity.js'
import { ISO_SECTOR } from './iso-fields.js'
import { isoImage, type IsoImage } from './iso9660.js'
import { isohybridCode, isohybridRecord, withActiveEntry } from './isohybrid.js'
import { protectiveRecord } from './mbr.js'
import { MEBIBYTE, SECTOR_SIZE } from './sectors.js'
import { treeWithFile } from './tree-with-file.js'

/** What all of these images are made of. */
interface CommonOptions {
  readonly volumeId: string
  readonly time: Timestamp
  /** Stands for the contents: the ids of disk, partition and file system derive from it. */
  readonly identity: Digest
}

/** The files of isolinux, all of one version of it. */
export interface Isolinux {
  /** `isolinux.bin` */
  readonly program: Uint8Array
  /** `ldlinux.c32` */
  readonly library: Uint8Array
  /** `isohdpfx.bin`: what a BIOS starts when the image lies on a disk. */
  readonly diskCode: Uint8Array
}

export interface BiosIsoOptions extends CommonOptions {
  /** What the image shows beside the files of the boot loader. */
  readonly root: TreeNode
  readonly joliet?: boolean
  /** Becomes `/boot/kernel`. */
  readonly kernel: Content
  /** Becomes `/boot/initrd.img`. Without one the kernel finds its root itself, as the command line says. */
  readonly initrd?: Content | undefined
  readonly cmdline: string
  readonly isolinux: Isolinux
}

export interface EfiIsoOptions extends CommonOptions {
  /** Nothing by default: all that is needed to boot is in the EFI system partition. */
  readonly root?: TreeNode
  readonly joliet?: boolean
  /** A program that a UEFI firmware starts: a unified kernel image. */
  readonly program: Content
  /** Where the firmware looks for it, without a slash at its beginning: `EFI/BOOT/BOOTX64.EFI`. */
  readonly programPath: string
}

export interface HybridIsoOptions extends EfiIsoOptions {
  readonly isolinux: Isolinux
  /** What isolinux boots: the kernel and the initrd lie in the program, where the UEFI firmware finds them too. */
  readonly kernel: ProgramPart
  readonly initrd: ProgramPart
  readonly cmdline: string
}

/** A piece of a program. */
export interface ProgramPart {
  readonly content: Content
  /** Of its beginning in the program, in bytes: a multiple of the sector of a CD. */
  readonly offset: number
}

const KERNEL = 'boot/kernel'
const INITRD = 'boot/initrd.img'
/** Behind it x86 kernels cut off (arch/x86/include/asm/setup.h, COMMAND_LINE_SIZE, with the zero at the end). */
const CMDLINE_LIMIT = 2047
const EMPTY_ROOT: TreeNode = { name: '', entry: entry({ path: '', type: 'directory' }), children: [] }

/**
 * An image that a BIOS boots, from a CD or, when its bytes are on it, from a disk.
 * @throws {LinuxkitError} as {@link isoImage}; `disk/in-the-way`, `disk/cmdline`
 */
export function biosIso({ root, isolinux, kernel, initrd, cmdline, identity, ...options }: BiosIsoOptions): Extents {
  const { tree, program } = withIsolinux(root, isolinux, kernel, initrd, cmdline)
  const iso = isoImage({ ...options, root: tree, boot: [biosImage(program)], sizeMultiple: MEBIBYTE })
  const code = isohybridCode(isolinux.diskCode, iso.offsetOf(program))
  return withSystemArea(iso, [{ offset: 0, content: bytesContent(isohybridRecord(iso.size, contentNumber('disk', identity), code)) }])
}

/**
 * An image that a UEFI firmware boots, from a CD or, when its bytes are on it, from a disk.
 * @throws {LinuxkitError} as {@link isoImage} and {@link fatVolume}
 */
export function efiIso({ root = EMPTY_ROOT, identity, ...options }: EfiIsoOptions): Extents {
  const partition = mediumContent(systemPartition(options, identity))
  const iso = isoImage({ ...options, root, boot: [efiImage(partition)], ...PARTITIONED })
  return withSystemArea(iso, partitions(iso, partition, identity, protectiveRecord(iso.size / SECTOR_SIZE)))
}

/**
 * An image that both boot, from either, with one copy of kernel and initrd: the files that isolinux opens lie in the program that the UEFI firmware starts.
 * @throws {LinuxkitError} as {@link isoImage} and {@link fatVolume}; `disk/in-the-way`, `disk/cmdline`
 */
export function hybridIso({ root = EMPTY_ROOT, isolinux, kernel, initrd, cmdline, identity, ...options }: HybridIsoOptions): Extents {
  const volume = systemPartition(options, identity)
  const partition = mediumContent(volume)
  const programOffset = volume.offsets.get(options.programPath) ?? 0
  const stretches = new Map([kernel, initrd].map(({ content, offset }) => [content, { of: partition, offset: programOffset + offset }]))
  const { tree, program } = withIsolinux(root, isolinux, kernel.content, initrd.content, cmdline)
  const iso = isoImage({ ...options, root: tree, stretches, boot: [biosImage(program), efiImage(partition)], ...PARTITIONED })
  const bootCode = isohybridCode(isolinux.diskCode, iso.offsetOf(program))
  const record = withActiveEntry(protectiveRecord(iso.size / SECTOR_SIZE, { diskId: contentNumber('disk', identity), bootCode }))
  return withSystemArea(iso, partitions(iso, partition, identity, record))
}

function biosImage(content: Content): BootImage {
  return { platform: 'bios', content, infoTable: true }
}

/** It is a partition too, so it begins where partitions do. */
function efiImage(content: Content): BootImage {
  return { platform: 'efi', content, alignment: MEBIBYTE }
}

const PARTITIONED = { sizeMultiple: MEBIBYTE, tail: GPT_BACKUP_SECTORS * SECTOR_SIZE }

/** FAT12 or FAT16, which are smaller, and which firmware must read on removable media (UEFI 2.10, section 13.3.1.1). Files begin with sectors of the CD. */
function systemPartition(
  { program, programPath, time }: Pick<EfiIsoOptions, 'program' | 'programPath' | 'time'>,
  identity: Digest,
): FatVolume {
  return fatVolume([{ path: programPath, content: program }], {
    id: contentNumber('efi system partition', identity),
    label: 'LINUXKIT',
    alignment: ISO_SECTOR,
    time,
  })
}

/** isolinux reads the names of the primary hierarchy: these are spelled as they are there. */
function withIsolinux(
  root: TreeNode,
  { program, library }: Isolinux,
  kernel: Content,
  initrd: Content | undefined,
  cmdline: string,
): { readonly tree: TreeNode; readonly program: Content } {
  const image = bytesContent(program)
  const files: readonly (readonly [path: string, content: Content])[] = [
    ['isolinux/isolinux.bin', image],
    ['isolinux/ldlinux.c32', bytesContent(library)],
    ['isolinux/isolinux.cfg', textContent(isolinuxConfig(cmdline, initrd !== undefined))],
    [KERNEL, kernel],
    ...(initrd === undefined ? [] : ([[INITRD, initrd]] as const)),
  ]
  return { tree: files.reduce((tree, [path, content]) => treeWithFile(tree, path, content), root), program: image }
}

function isolinuxConfig(cmdline: string, hasInitrd: boolean): string {
  if (/\n/u.test(cmdline) || Buffer.byteLength(cmdline) > CMDLINE_LIMIT) {
    throw new LinuxkitError('disk/cmdline', `isolinux can give the kernel one line of ${CMDLINE_LIMIT} bytes at most as its command line`)
  }
  const lines = ['DEFAULT linux', 'LABEL linux', `KERNEL /${KERNEL}`, ...(hasInitrd ? [`INITRD /${INITRD}`] : []), `APPEND ${cmdline}`]
  return `${lines.join('\n')}\n`
}

/** The partition table of a disk that the image lies on. */
function partitions(iso: IsoImage, partition: Content, identity: Digest, bootRecord: Buffer): readonly Extent[] {
  return partitionTable({
    diskId: contentGuid('disk', identity),
    diskSize: iso.size,
    bootRecord,
    partitions: [
      {
        type: GPT_TYPES.efiSystem,
        id: contentGuid('partition 1', identity),
        name: 'EFI System',
        start: iso.offsetOf(partition) / SECTOR_SIZE,
        sectors: partition.size / SECTOR_SIZE,
      },
    ],
  })
}

function withSystemArea({ size, extents }: IsoImage, system: readonly Extent[]): Extents {
  return layOut(size, [...system, ...extents])
}
