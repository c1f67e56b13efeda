import { bytesContent } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { singleLine } from './command-line.js'
import { fatVolume, type FatFile, type FatOptions, type FatVolume } from './fat.js'
import { SECTOR_SIZE } from './sectors.js'

/** The boot loader syslinux as its installer carries it. */
export interface Syslinux {
  /** One sector, which the code in the MBR starts. */
  readonly bootSector: Buffer
  /** The loader itself, `ldlinux.sys`: whole sectors, which the boot sector finds by their numbers. */
  readonly loader: Buffer
  /** The rest of it, `ldlinux.c32`, which the loader finds by its name. Both are of one build. */
  readonly module: Buffer
}

export interface SyslinuxConfiguration {
  /** Paths on the volume. */
  readonly kernel: string
  readonly initrd: string
  readonly commandLine: string
}

/** Where the loader wants to be told what it is to know (syslinux 6, libinstaller/syslxint.h, `struct patch_area`), from its magic number. */
const PATCH_MAGIC = 0x3eb202fe
const PATCH_AREA = { magic: 0, dataSectors: 8, advSectors: 10, words: 12, checksum: 16, extended: 22 } as const
const PATCH_ALIGNMENT = 4

/** The auxiliary data vector: settings that a running system may leave for the loader; kept twice, one sector each (libinstaller/setadv.c). */
const ADV_COPIES = 2
const ADV_HEAD = 0x5a2d2fa5
const ADV_CHECKSUM = 0xa3041767
const ADV_TAIL = 0xdd28bf64

/** What a run of sectors takes in the loader's list: 64 bits for the first, 16 for how many. */
const SECTOR_RUN_SIZE = 10

/** In bytes (Linux, arch/x86/include/asm/setup.h, `COMMAND_LINE_SIZE`). */
const LONGEST_COMMAND_LINE = 2047

const BOOT_SECTOR_START = Buffer.from('\u00eb\u0058\u0090SYSLINUX', 'latin1')
const LOADER_START = Buffer.from('\r\nSYSLINUX ', 'latin1')
const ELF_START = Buffer.from('\u007fELF\u0001\u0001', 'latin1')
const ELF_SHARED_OBJECT = 3
const ELF_I386 = 3

/**
 * Finds the boot loader in the program `syslinux`, which installs it: the Debian package `syslinux` has it in no file of its own.
 * @throws {LinuxkitError} `disk/no-syslinux` when it is not there, or not as it is known
 */
export function carveSyslinux(program: Buffer): Syslinux {
  const bootSector = occurrences(program, BOOT_SECTOR_START)
    .map((start) => program.subarray(start, start + SECTOR_SIZE))
    .find((sector) => sector.length === SECTOR_SIZE && sector.readUInt16LE(SECTOR_SIZE - 2) === 0xaa55)
  if (bootSector === undefined) throw notFound('its boot sector')
  const loaderStart = occurrences(program, LOADER_START).find((start) => patchAreaOf(program.subarray(start, start + SECTOR_SIZE)) !== -1)
  if (loaderStart === undefined) throw notFound('"ldlinux.sys"')
  const moduleStart = occurrences(program, ELF_START).find((start) => start > loaderStart && isSharedObject(program.subarray(start)))
  if (moduleStart === undefined) throw notFound('"ldlinux.c32"')
  // The one array ends where the other begins, but for alignment.
  const loaderSize = Math.floor((moduleStart - loaderStart) / SECTOR_SIZE) * SECTOR_SIZE
  const moduleSize = elfSize(program.subarray(moduleStart))
  const module = program.subarray(moduleStart, moduleStart + moduleSize)
  if (module.length < moduleSize) throw notFound('the end of "ldlinux.c32"')
  return { bootSector, loader: program.subarray(loaderStart, loaderStart + loaderSize), module }
}

function notFound(what: string): LinuxkitError {
  return new LinuxkitError('disk/no-syslinux', `the program "syslinux" does not have ${what} in it, or not as version 6 has it`, {
    hint: 'use the package "syslinux" of Debian 12 or 13 for amd64',
  })
}

function occurrences(bytes: Buffer, wanted: Buffer): number[] {
  const found: number[] = []
  for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + 1)) found.push(at)
  return found
}

/** Where the patch area begins in the first sector of the loader, or -1. */
function patchAreaOf(loader: Buffer): number {
  for (let at = 0; at + PATCH_ALIGNMENT <= Math.min(loader.length, SECTOR_SIZE); at += PATCH_ALIGNMENT) {
    if (loader.readUInt32LE(at) === PATCH_MAGIC) return at
  }
  return -1
}

function isSharedObject(elf: Buffer): boolean {
  return elf.length >= 52 && elf.readUInt16LE(16) === ELF_SHARED_OBJECT && elf.readUInt16LE(18) === ELF_I386
}

/** To the end of the section headers, which stand last. */
function elfSize(elf: Buffer): number {
  return elf.readUInt32LE(32) + elf.readUInt16LE(46) * elf.readUInt16LE(48)
}

/**
 * A FAT volume that the code in an MBR (`mbr.bin`, or `gptmbr.bin` on a disk with a GPT) can start: the same as `syslinux --install` makes of one.
 * @throws {LinuxkitError} `disk/command-line-too-long`, and those of {@link fatVolume}
 */
export function syslinuxVolume(
  syslinux: Syslinux,
  configuration: SyslinuxConfiguration,
  files: readonly FatFile[],
  options: Omit<FatOptions, 'bootSector'>,
): FatVolume {
  const withLoader = (loader: Uint8Array): readonly FatFile[] => [
    { path: 'ldlinux.sys', content: bytesContent(loader), system: true },
    { path: 'ldlinux.c32', content: bytesContent(syslinux.module), system: true },
    { path: 'syslinux.cfg', content: bytesContent(Buffer.from(configurationText(configuration))) },
    ...files,
  ]
  // Where the loader lies depends on sizes alone, so a volume without it says so.
  const draft = fatVolume(withLoader(Buffer.alloc(syslinux.loader.length + ADV_COPIES * SECTOR_SIZE)), options)
  const { bootSector, loader } = patched(syslinux, (draft.offsets.get('ldlinux.sys') ?? 0) / SECTOR_SIZE)
  return fatVolume(withLoader(loader), { ...options, bootSector })
}

/** @throws {LinuxkitError} `disk/command-line-too-long` */
function configurationText({ kernel, initrd, commandLine }: SyslinuxConfiguration): string {
  const line = singleLine(commandLine)
  // What the loader makes of it; were the end cut off, the initrd would be lost.
  const whole = `BOOT_IMAGE=/${kernel} ${line} initrd=/${initrd}`
  const size = Buffer.byteLength(whole)
  if (size > LONGEST_COMMAND_LINE) {
    const limit = `${size} bytes with what the boot loader adds, and ${LONGEST_COMMAND_LINE} are allowed`
    throw new LinuxkitError('disk/command-line-too-long', `the command line of the kernel is too long for a BIOS to boot it: ${limit}`, {
      hint: 'shorten "cmdline" of the kernel',
    })
  }
  return ['DEFAULT linux', 'LABEL linux', `  KERNEL /${kernel}`, `  INITRD /${initrd}`, `  APPEND ${line}`, ''].join('\n')
}

/**
 * Tells boot sector and loader where the loader lies (libinstaller/syslxmod.c, `syslinux_patch`).
 * @param start its first sector from the beginning of the volume; it lies in one piece
 */
function patched(syslinux: Syslinux, start: number): { readonly bootSector: Buffer; readonly loader: Buffer } {
  const bootSector = Buffer.from(syslinux.bootSector)
  const loader = Buffer.from(syslinux.loader)
  const sectors = loader.length / SECTOR_SIZE
  const area = patchAreaOf(loader)
  const extended = loader.readUInt16LE(area + PATCH_AREA.extended)
  const [advPointers = 0, , , , , runs = 0, runCount = 0, startLow = 0, startHigh = 0] = Array.from({ length: 10 }, (_, index) =>
    loader.readUInt16LE(extended + index * 2),
  )
  bootSector.writeUInt32LE(start, startLow)
  bootSector.writeUInt32LE(0, startHigh)

  loader.writeUInt16LE(sectors, area + PATCH_AREA.dataSectors)
  loader.writeUInt16LE(ADV_COPIES, area + PATCH_AREA.advSectors)
  loader.writeUInt32LE(loader.length / 4, area + PATCH_AREA.words)
  // The boot sector reads the first sector of the loader, and that the others.
  loader.fill(0, runs, runs + runCount * SECTOR_RUN_SIZE)
  loader.writeBigUInt64LE(BigInt(start + 1), runs)
  loader.writeUInt16LE(sectors - 1, runs + 8)
  for (let copy = 0; copy < ADV_COPIES; copy += 1) loader.writeBigUInt64LE(BigInt(start + sectors + copy), advPointers + copy * 8)
  // All words together are to make the magic number.
  loader.writeUInt32LE(0, area + PATCH_AREA.checksum)
  let sum = 0
  for (let at = 0; at < loader.length; at += 4) sum = (sum + loader.readUInt32LE(at)) >>> 0
  loader.writeUInt32LE((PATCH_MAGIC - sum) >>> 0, area + PATCH_AREA.checksum)

  const adv = Buffer.alloc(SECTOR_SIZE)
  adv.writeUInt32LE(ADV_HEAD, 0)
  adv.writeUInt32LE(ADV_CHECKSUM, 4)
  adv.writeUInt32LE(ADV_TAIL, SECTOR_SIZE - 4)
  return { bootSector, loader: Buffer.concat([loader, adv, adv]) }
}
