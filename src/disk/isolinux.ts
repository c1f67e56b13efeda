import type { TreeNode } from '../archive/tree.js'
import { bytesContent, textContent, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { singleLine } from './command-line.js'
import type { BootImage } from './el-torito.js'
import { SECTOR_SIZE } from './sectors.js'
import { treeWithFile } from './tree-with-file.js'

/** The boot loader isolinux, all of one build. */
export interface Isolinux {
  /** What a BIOS starts from a CD: `isolinux.bin`. */
  readonly program: Uint8Array
  /** The rest of it: `ldlinux.c32`. */
  readonly module: Uint8Array
  /** What a BIOS starts from a disk on which the bytes of a CD are, and which starts the program: `isohdpfx.bin`. */
  readonly diskCode: Uint8Array
}

/** What it boots. */
export interface IsolinuxConfiguration {
  /** Becomes `/boot/kernel`. */
  readonly kernel: Content
  /** Becomes `/boot/initrd.img`. Without one the kernel mounts its root itself, as the command line says. */
  readonly initrd?: Content | undefined
  readonly commandLine: string
}

/** The names are spelled as in the primary hierarchy of ISO 9660, which is the one that isolinux reads. */
const DIRECTORY = 'isolinux'
const KERNEL = 'boot/kernel'
const INITRD = 'boot/initrd.img'

/** In bytes. An x86 kernel takes 2047 (Linux, arch/x86/include/asm/setup.h, `COMMAND_LINE_SIZE`), but isolinux 6.04 leaves out the last of so many. */
const LONGEST_COMMAND_LINE = 2046

/**
 * The tree with isolinux and what it boots, and the image that firmware starts.
 * @throws {LinuxkitError} `disk/in-the-way`, `disk/command-line-too-long`
 */
export function withIsolinux(
  root: TreeNode,
  { program, module }: Isolinux,
  { kernel, initrd, commandLine }: IsolinuxConfiguration,
): { readonly root: TreeNode; readonly image: BootImage } {
  const image: BootImage = { platform: 'bios', content: bytesContent(program), infoTable: true }
  const files: readonly (readonly [path: string, content: Content])[] = [
    [`${DIRECTORY}/isolinux.bin`, image.content],
    [`${DIRECTORY}/ldlinux.c32`, bytesContent(module)],
    [`${DIRECTORY}/isolinux.cfg`, textContent(configurationText(commandLine, initrd !== undefined))],
    [KERNEL, kernel],
    ...(initrd === undefined ? [] : ([[INITRD, initrd]] as const)),
  ]
  return { root: files.reduce((tree, [path, content]) => treeWithFile(tree, path, content), root), image }
}

/** @throws {LinuxkitError} `disk/command-line-too-long` */
function configurationText(commandLine: string, hasInitrd: boolean): string {
  const line = singleLine(commandLine)
  // What isolinux makes of it.
  const size = Buffer.byteLength(`BOOT_IMAGE=/${KERNEL} ${line}${hasInitrd ? ` initrd=/${INITRD}` : ''}`)
  if (size > LONGEST_COMMAND_LINE) {
    const limit = `${size} bytes with what the boot loader adds, and ${LONGEST_COMMAND_LINE} are allowed`
    throw new LinuxkitError('disk/command-line-too-long', `the command line of the kernel is too long for a BIOS to boot it: ${limit}`, {
      hint: 'shorten "cmdline" of the kernel',
    })
  }
  return [
    'DEFAULT linux',
    'LABEL linux',
    `  KERNEL /${KERNEL}`,
    ...(hasInitrd ? [`  INITRD /${INITRD}`] : []),
    `  APPEND ${line}`,
    '',
  ].join('\n')
}

const CODE_SIZE = 440
/** Behind the code stands where the program begins (syslinux, utils/isohybrid.c). */
const PROGRAM_SECTOR = 432

/** Boot code for the MBR of a disk. @param program where `isolinux.bin` begins on it, in bytes */
export function isohybridCode({ diskCode }: Isolinux, program: number): Buffer {
  if (diskCode.length > PROGRAM_SECTOR) throw new Error(`"isohdpfx.bin" has ${diskCode.length} bytes, not ${PROGRAM_SECTOR}`)
  const code = Buffer.alloc(CODE_SIZE)
  code.set(diskCode)
  code.writeBigUInt64LE(BigInt(program / SECTOR_SIZE), PROGRAM_SECTOR)
  return code
}
