import { FIXED_TIME } from '../archive/entry.js'
import { bytesContent, concatContents, type Content } from '../base/content.js'
import type { Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { occupiedRuns, runContent } from './clusters.js'
import { layOut, type Extents } from './extents.js'
import { contentGuid, guidBytes } from './identity.js'
import { MEBIBYTE, roundUp, SECTOR_SIZE } from './sectors.js'

const FIXED = 2
const DYNAMIC = 3

const FOOTER_SIZE = 512
const HEADER_SIZE = 1024
const CHECKSUM = { footer: 64, header: 36 } as const
const VERSION = 0x00010000

/** Seconds from 1970 to 2000, where the times of VHD begin. */
const YEAR_2000 = 946684800

/** Data of a block; a bitmap of one sector stands before it. */
const BLOCK_SIZE = 2 * MEBIBYTE

/** The largest that the format has numbers for: Hyper-V and Azure refuse more, too. */
const LARGEST = 2040 * 2 ** 30

/**
 * A disk image for Hyper-V and Azure of fixed size: the medium, filled up to a multiple of 1 MiB, and a footer (Virtual Hard Disk Image Format
 * Specification 1.0).
 * @param identity stands for the content of the medium: the id of the image derives from it
 * @throws {LinuxkitError} `disk/too-large` beyond 2040 GiB
 */
export function fixedVhd(medium: Extents, identity: Digest): Extents {
  const size = virtualSize(medium)
  const footer = footerOf(size, FIXED, identity)
  return layOut(size + footer.length, [...medium.extents, { offset: size, content: bytesContent(footer) }])
}

/**
 * The same with a table of blocks, of which those that are all zeros are left out. The medium is read twice.
 * @throws {LinuxkitError} `disk/too-large` beyond 2040 GiB
 */
export async function dynamicVhd(medium: Extents, identity: Digest): Promise<Content> {
  const size = virtualSize(medium)
  const runs = await occupiedRuns(medium, BLOCK_SIZE)
  const footer = bytesContent(footerOf(size, DYNAMIC, identity))
  const blockCount = Math.ceil(size / BLOCK_SIZE)
  // All ones say that a block is absent.
  const table = Buffer.alloc(roundUp(blockCount * 4, SECTOR_SIZE), 0xff)
  const bitmap = bytesContent(Buffer.alloc(SECTOR_SIZE, 0xff))
  const blocks: Content[] = []
  let offset = FOOTER_SIZE + HEADER_SIZE + table.length
  for (const { first, count } of runs) {
    for (let block = first; block < first + count; block += 1) {
      table.writeUInt32BE(offset / SECTOR_SIZE, block * 4)
      blocks.push(bitmap, runContent(medium, { first: block, count: 1 }, BLOCK_SIZE))
      offset += SECTOR_SIZE + BLOCK_SIZE
    }
  }
  return concatContents([footer, bytesContent(headerOf(blockCount)), bytesContent(table), ...blocks, footer])
}

function virtualSize(medium: Extents): number {
  const size = roundUp(medium.size, MEBIBYTE)
  if (size > LARGEST) throw new LinuxkitError('disk/too-large', 'a VHD image has at most 2040 GiB', { hint: 'make the disk smaller' })
  return size
}

function footerOf(size: number, type: typeof FIXED | typeof DYNAMIC, identity: Digest): Buffer {
  const { cylinders, heads, sectorsPerTrack } = vhdGeometry(size / SECTOR_SIZE)
  const footer = Buffer.alloc(FOOTER_SIZE)
  footer.write('conectix', 0, 'latin1')
  // A bit that is reserved and always set.
  footer.writeUInt32BE(2, 8)
  footer.writeUInt32BE(VERSION, 12)
  footer.writeBigUInt64BE(type === FIXED ? 2n ** 64n - 1n : BigInt(FOOTER_SIZE), 16)
  footer.writeUInt32BE(FIXED_TIME.seconds - YEAR_2000, 24)
  // By this creator QEMU and others know that the size counts, and not the geometry, which is coarser.
  footer.write('win ', 28, 'latin1')
  footer.writeUInt32BE(0x000a0000, 32)
  footer.write('Wi2k', 36, 'latin1')
  footer.writeBigUInt64BE(BigInt(size), 40)
  footer.writeBigUInt64BE(BigInt(size), 48)
  footer.writeUInt16BE(cylinders, 56)
  footer.writeUInt8(heads, 58)
  footer.writeUInt8(sectorsPerTrack, 59)
  footer.writeUInt32BE(type, 60)
  footer.set(guidBytes(contentGuid('vhd', identity)), 68)
  footer.writeUInt32BE(checksum(footer), CHECKSUM.footer)
  return footer
}

function headerOf(blockCount: number): Buffer {
  const header = Buffer.alloc(HEADER_SIZE)
  header.write('cxsparse', 0, 'latin1')
  header.writeBigUInt64BE(2n ** 64n - 1n, 8)
  header.writeBigUInt64BE(BigInt(FOOTER_SIZE + HEADER_SIZE), 16)
  header.writeUInt32BE(VERSION, 24)
  header.writeUInt32BE(blockCount, 28)
  header.writeUInt32BE(BLOCK_SIZE, 32)
  header.writeUInt32BE(checksum(header), CHECKSUM.header)
  return header
}

/** One's complement of the sum of the bytes, the field of the checksum being zero. */
function checksum(bytes: Buffer): number {
  return ~bytes.reduce((sum, byte) => sum + byte, 0) >>> 0
}

/** Cylinders, heads and sectors that old software takes a disk for (specification, appendix "CHS Calculation"). */
export function vhdGeometry(sectors: number): { readonly cylinders: number; readonly heads: number; readonly sectorsPerTrack: number } {
  const known = Math.min(sectors, 65535 * 16 * 255)
  const withTrack = (sectorsPerTrack: number, heads: number) => {
    const tracks = Math.floor(known / sectorsPerTrack)
    return { cylinders: Math.floor(tracks / heads), heads, sectorsPerTrack, tooMany: tracks >= heads * 1024 }
  }
  if (known >= 65535 * 16 * 63) return withTrack(255, 16)
  const heads = Math.max(Math.ceil(Math.floor(known / 17) / 1024), 4)
  const small = withTrack(17, Math.min(heads, 16))
  if (heads <= 16 && !small.tooMany) return small
  const medium = withTrack(31, 16)
  return medium.tooMany ? withTrack(63, 16) : medium
}
