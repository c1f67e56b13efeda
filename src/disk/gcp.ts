import { FIXED_TIME } from '../archive/entry.js'
import { gzip } from '../archive/gzip.js'
import { BLOCK_SIZE, FIELDS, headerChecksum } from '../archive/tar-header.js'
import { bytesContent, concatContents, type Content } from '../base/content.js'
import { occupiedRuns, runContent } from './clusters.js'
import { zeros, type Extents } from './extents.js'
import { GIBIBYTE, roundUp } from './sectors.js'

/** What an image for Google Compute Engine is called within its archive. */
const NAME = 'disk.raw'
const LEVEL = 6

/** What is left out if it is all zeros. */
const PIECE_SIZE = 1 << 16

/** The map of a sparse file: some of it in the header, and as much as is needed in blocks after it (GNU tar manual, "Storing Sparse Files"). */
const MAP = { start: 386, extended: 482, realSize: 483, segments: 4 } as const
const MAP_BLOCK = { start: 0, extended: 504, segments: 21 } as const
const NUMBER_SIZE = 12

/** tar writes whole records of 20 blocks. */
const RECORD_SIZE = 20 * BLOCK_SIZE

interface Segment {
  readonly offset: number
  readonly length: number
}

/**
 * An image for Google Compute Engine: the medium, filled up to a multiple of 1 GiB, as a sparse file in an archive of the old GNU format, compressed with gzip
 * (its documentation, "Manually import boot disks"). The medium is read twice. Which bytes it is depends on the version of zlib, too.
 */
export async function* gcpImage(medium: Extents): AsyncIterable<Uint8Array> {
  const archive = await sparseArchive(medium, roundUp(medium.size, GIBIBYTE))
  yield* gzip(archive.open(), LEVEL)
}

async function sparseArchive(medium: Extents, size: number): Promise<Content> {
  const runs = await occupiedRuns(medium, PIECE_SIZE)
  const stored = runs.map((run) => runContent(medium, run, PIECE_SIZE))
  const segments: Segment[] = runs.map(({ first, count }) => ({ offset: first * PIECE_SIZE, length: count * PIECE_SIZE }))
  // An empty one at the end says how long the file is.
  segments.push({ offset: size, length: 0 })
  const storedSize = stored.reduce((sum, { size }) => sum + size, 0)

  const blocks = [headerBlock(segments, size, storedSize)]
  for (let done: number = MAP.segments; done < segments.length; done += MAP_BLOCK.segments) {
    blocks.push(writeSegments(Buffer.alloc(BLOCK_SIZE), MAP_BLOCK, segments.slice(done)))
  }
  const head = Buffer.concat(blocks)
  const length = head.length + storedSize
  // At least two blocks of zeros end an archive. What is stored is whole blocks.
  const end = zeros(roundUp(length + 2 * BLOCK_SIZE, RECORD_SIZE) - length)
  return concatContents([bytesContent(head), ...stored, end])
}

function headerBlock(segments: readonly Segment[], size: number, storedSize: number): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE)
  const number = (field: keyof typeof FIELDS, value: number): void => {
    const [start, length] = FIELDS[field]
    writeNumber(block, start, length, value)
  }
  block.write(NAME, FIELDS.name[0], 'latin1')
  number('mode', 0o644)
  number('uid', 0)
  number('gid', 0)
  number('size', storedSize)
  number('mtime', FIXED_TIME.seconds)
  block.write('S', FIELDS.typeflag[0], 'latin1')
  block.write('ustar  \0', FIELDS.magic[0], 'latin1')
  block.write('root', FIELDS.userName[0], 'latin1')
  block.write('root', FIELDS.groupName[0], 'latin1')
  writeSegments(block, MAP, segments)
  writeNumber(block, MAP.realSize, NUMBER_SIZE, size)
  block.write(`${headerChecksum(block).toString(8).padStart(6, '0')}\0 `, FIELDS.checksum[0], 'latin1')
  return block
}

/** As many segments as fit, and whether there are more. */
function writeSegments(block: Buffer, map: typeof MAP | typeof MAP_BLOCK, segments: readonly Segment[]): Buffer {
  for (const [index, { offset, length }] of segments.slice(0, map.segments).entries()) {
    const at = map.start + index * 2 * NUMBER_SIZE
    writeNumber(block, at, NUMBER_SIZE, offset)
    writeNumber(block, at + NUMBER_SIZE, NUMBER_SIZE, length)
  }
  block.writeUInt8(segments.length > map.segments ? 1 : 0, map.extended)
  return block
}

/** Octal digits and a NUL, or from 8 GiB a binary number with the first bit set (GNU tar manual, "Basic Tar Format"). */
function writeNumber(block: Buffer, start: number, size: number, value: number): void {
  const digits = value.toString(8)
  if (digits.length < size) block.write(digits.padStart(size - 1, '0'), start, 'latin1')
  else {
    block.writeUInt8(0x80, start)
    block.writeBigUInt64BE(BigInt(value), start + size - 8)
  }
}
