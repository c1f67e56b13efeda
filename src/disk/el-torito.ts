import { bytesContent, readContent, type Content } from '../base/content.js'
import { SECTOR_SIZE } from './sectors.js'

/** What a firmware starts of a CD. */
export interface BootImage {
  readonly platform: 'bios' | 'efi'
  /** A program for a BIOS, a FAT file system for EFI. A file of the tree that has this content shares its place. */
  readonly content: Content
  /** Tells the program where it lies, as isolinux wants to know: it is given a table in its bytes 8 to 63. */
  readonly infoTable?: boolean
  /** Bytes that its beginning is a multiple of; a multiple of the sector itself. */
  readonly alignment?: number
}

const ENTRY_SIZE = 32
const BOOTABLE = 0x88
const MORE_HEADERS = 0x90
const LAST_HEADER = 0x91

/** A BIOS loads this many 512-byte sectors of a program, which loads the rest of itself. */
const BIOS_LOAD_SIZE = 4
const PLATFORMS: Readonly<Record<BootImage['platform'], number>> = { bios: 0, efi: 0xef }

/**
 * The boot catalog (El Torito, 2.1 to 2.4; UEFI, 13.3.2.1): a validation entry, the default entry, and a section for each further image.
 * @param sectorOf where the images begin
 */
export function bootCatalog([first, ...others]: readonly [BootImage, ...BootImage[]], sectorOf: (content: Content) => number): Buffer {
  const sections = others.flatMap((image, index) => [
    sectionHeader(image, index === others.length - 1),
    bootEntry(image, sectorOf(image.content)),
  ])
  return Buffer.concat([validationEntry(first), bootEntry(first, sectorOf(first.content)), ...sections])
}

function validationEntry({ platform }: BootImage): Buffer {
  const entry = Buffer.alloc(ENTRY_SIZE)
  entry[0] = 1
  entry[1] = PLATFORMS[platform]
  entry.writeUInt16LE(0xaa55, 30)
  let sum = 0
  for (let offset = 0; offset < ENTRY_SIZE; offset += 2) sum += entry.readUInt16LE(offset)
  entry.writeUInt16LE(-sum & 0xffff, 28) // all words add up to zero
  return entry
}

function sectionHeader({ platform }: BootImage, isLast: boolean): Buffer {
  const header = Buffer.alloc(ENTRY_SIZE)
  header[0] = isLast ? LAST_HEADER : MORE_HEADERS
  header[1] = PLATFORMS[platform]
  header.writeUInt16LE(1, 2) // entries in the section
  return header
}

/** Without emulation of a disk. */
function bootEntry(image: BootImage, sector: number): Buffer {
  const entry = Buffer.alloc(ENTRY_SIZE)
  entry[0] = BOOTABLE
  entry.writeUInt16LE(loadSize(image), 6)
  entry.writeUInt32LE(sector, 8)
  return entry
}

/** For EFI a size of 1 means "to the end of the medium" (UEFI, 13.3.2.1), which large images need: the field has 16 bits. */
function loadSize({ platform, content }: BootImage): number {
  if (platform === 'bios') return BIOS_LOAD_SIZE
  const sectors = Math.ceil(content.size / SECTOR_SIZE)
  return sectors <= 0xffff ? sectors : 1
}

const TABLE = { start: 8, end: 64 }

/**
 * The image with isolinux's boot information table in it (syslinux, doc/isolinux.txt): the sector of the volume descriptor, its own sector, its length, and
 * the sum of the 32-bit words after the table.
 */
export function withInfoTable(image: Content, sector: number, volumeDescriptor: number): Content {
  return {
    size: image.size,
    async *open(range) {
      const bytes = await readContent(image)
      const words = Buffer.concat([bytes.subarray(TABLE.end), Buffer.alloc(3)])
      let sum = 0
      for (let offset = 0; offset + 4 <= words.length; offset += 4) sum = (sum + words.readUInt32LE(offset)) >>> 0
      bytes.fill(0, TABLE.start, TABLE.end)
      for (const [index, value] of [volumeDescriptor, sector, bytes.length, sum].entries())
        bytes.writeUInt32LE(value, TABLE.start + 4 * index)
      yield* bytesContent(bytes).open(range)
    },
  }
}
