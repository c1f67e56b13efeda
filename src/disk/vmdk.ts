import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import type { Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { occupiedClusters, type Cluster } from './clusters.js'
import type { Extents } from './extents.js'
import { contentGuid, contentNumber } from './identity.js'
import { roundUp, SECTOR_SIZE } from './sectors.js'

/** Sectors that are compressed together. */
const GRAIN_SECTORS = 128
const GRAIN_SIZE = GRAIN_SECTORS * SECTOR_SIZE
const GRAINS_PER_TABLE = 512
const TABLE_SIZE = GRAINS_PER_TABLE * 4

/** Where the description stands, and where the grains begin. */
const DESCRIPTION_SECTOR = 1
const DESCRIPTION_SECTORS = 20
const FIRST_GRAIN_SECTOR = 128

/** Version 3 is what ESXi takes; it differs from 1 in nothing that is used here. */
const VERSION = 3

/** Line ends can be checked, grains are compressed, markers stand before what follows. */
const FLAGS = 0x00030001
const DEFLATE = 1

/** In the header at the beginning, as the directory is only known at the end, where the header stands again. */
const DIRECTORY_AT_END = 2n ** 64n - 1n

const MARKERS = { endOfStream: 0, table: 1, directory: 2, footer: 3 } as const

/** Sectors are numbered with 32 bits. */
const LARGEST = 2 ** 41 - GRAIN_SIZE

/** As many as libuv has threads (UV_THREADPOOL_SIZE). The output does not depend on it. */
const IN_FLIGHT = 4
const LEVEL = 6

export interface VmdkOptions {
  /** Stands for the content of the medium: ids derive from it. */
  readonly identity: Digest
  /** Name of the file, which the description repeats. */
  readonly name: string
}

/**
 * A disk image for VMware of the kind "streamOptimized", filled up to a multiple of 64 KiB: compressed grains of what is not zero, in one pass (VMware
 * Virtual Disk Format 5.0, section "Stream-Optimized Compressed Sparse Extents"). Which bytes it is depends on the version of zlib, too.
 * @throws {LinuxkitError} `disk/too-large` beyond 2 TiB
 */
export async function* streamOptimizedVmdk(medium: Extents, options: VmdkOptions): AsyncIterable<Uint8Array> {
  const size = roundUp(medium.size, GRAIN_SIZE)
  if (size > LARGEST) throw new LinuxkitError('disk/too-large', 'a VMDK image has less than 2 TiB', { hint: 'make the disk smaller' })
  const capacity = size / SECTOR_SIZE
  const tables = Math.ceil(capacity / GRAIN_SECTORS / GRAINS_PER_TABLE)

  let sector = 0
  const counted = (bytes: Buffer): Buffer => {
    sector += bytes.length / SECTOR_SIZE
    return bytes
  }
  const head = Buffer.alloc(FIRST_GRAIN_SECTOR * SECTOR_SIZE)
  head.set(header(capacity, DIRECTORY_AT_END))
  head.write(description(capacity, options), DESCRIPTION_SECTOR * SECTOR_SIZE)
  yield counted(head)

  const directory = Buffer.alloc(roundUp(tables * 4, SECTOR_SIZE))
  let current: { readonly number: number; readonly table: Buffer } | undefined
  const finished = function* (): Iterable<Buffer> {
    if (current === undefined) return
    yield counted(marker(MARKERS.table, TABLE_SIZE))
    directory.writeUInt32LE(sector, current.number * 4)
    yield counted(current.table)
    current = undefined
  }
  for await (const { index, compressed } of compressedGrains(medium)) {
    const number = Math.floor(index / GRAINS_PER_TABLE)
    if (current?.number !== number) yield* finished()
    current ??= { number, table: Buffer.alloc(TABLE_SIZE) }
    current.table.writeUInt32LE(sector, (index % GRAINS_PER_TABLE) * 4)
    yield counted(grain(index, compressed))
  }
  yield* finished()

  yield counted(marker(MARKERS.directory, directory.length))
  const directorySector = sector
  yield directory
  yield marker(MARKERS.footer, SECTOR_SIZE)
  yield header(capacity, BigInt(directorySector))
  yield marker(MARKERS.endOfStream, 0)
}

/** Compresses a few grains at a time, on the threads of libuv, and yields them in order. */
async function* compressedGrains(medium: Extents): AsyncIterable<{ readonly index: number; readonly compressed: Buffer }> {
  const deflateGrain = promisify<Uint8Array, { level: number }, Buffer>(deflate)
  const inFlight: Promise<{ readonly index: number; readonly compressed: Buffer }>[] = []
  const compress = async ({ index, bytes }: Cluster) => ({ index, compressed: await deflateGrain(bytes, { level: LEVEL }) })
  for await (const cluster of occupiedClusters(medium, GRAIN_SIZE)) {
    const compressed = compress(cluster)
    // Awaited below; until then a failure must not count as unhandled.
    compressed.catch(() => {})
    inFlight.push(compressed)
    const first = inFlight.length === IN_FLIGHT ? inFlight.shift() : undefined
    if (first !== undefined) yield first
  }
  yield* inFlight
}

function grain(index: number, compressed: Buffer): Buffer {
  const bytes = Buffer.alloc(roundUp(12 + compressed.length, SECTOR_SIZE))
  bytes.writeBigUInt64LE(BigInt(index * GRAIN_SECTORS))
  bytes.writeUInt32LE(compressed.length, 8)
  bytes.set(compressed, 12)
  return bytes
}

/** @param size of what follows the marker, in bytes */
function marker(type: number, size: number): Buffer {
  const bytes = Buffer.alloc(SECTOR_SIZE)
  bytes.writeBigUInt64LE(BigInt(size / SECTOR_SIZE))
  bytes.writeUInt32LE(type, 12)
  return bytes
}

function header(capacity: number, directory: bigint): Buffer {
  const bytes = Buffer.alloc(SECTOR_SIZE)
  bytes.write('KDMV', 0, 'latin1')
  bytes.writeUInt32LE(VERSION, 4)
  bytes.writeUInt32LE(FLAGS, 8)
  bytes.writeBigUInt64LE(BigInt(capacity), 12)
  bytes.writeBigUInt64LE(BigInt(GRAIN_SECTORS), 20)
  bytes.writeBigUInt64LE(BigInt(DESCRIPTION_SECTOR), 28)
  bytes.writeBigUInt64LE(BigInt(DESCRIPTION_SECTORS), 36)
  bytes.writeUInt32LE(GRAINS_PER_TABLE, 44)
  bytes.writeBigUInt64LE(directory, 56)
  bytes.writeBigUInt64LE(BigInt(FIRST_GRAIN_SECTOR), 64)
  // Would not survive a transfer as text.
  bytes.write('\n \r\n', 73, 'latin1')
  bytes.writeUInt16LE(DEFLATE, 77)
  return bytes
}

function description(capacity: number, { identity, name }: VmdkOptions): string {
  const heads = 255
  const sectorsPerTrack = 63
  const id = contentGuid('vmdk', identity).replaceAll('-', '')
  const pairs = (id.match(/../g) ?? []).join(' ')
  return [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${contentNumber('vmdk', identity).toString(16).padStart(8, '0')}`,
    'parentCID=ffffffff',
    'createType="streamOptimized"',
    '',
    '# Extent description',
    `RW ${capacity} SPARSE "${name}"`,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.adapterType = "lsilogic"',
    `ddb.geometry.cylinders = "${Math.floor(capacity / (heads * sectorsPerTrack))}"`,
    `ddb.geometry.heads = "${heads}"`,
    `ddb.geometry.sectors = "${sectorsPerTrack}"`,
    `ddb.longContentID = "${id}"`,
    `ddb.uuid = "${pairs.slice(0, 23)}-${pairs.slice(24)}"`,
    'ddb.virtualHWVersion = "6"',
    '',
  ].join('\n')
}
