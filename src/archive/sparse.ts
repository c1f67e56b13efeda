import type { Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { ByteReader, truncated } from './byte-reader.js'
import { parsePaxNumber, type PaxRecord } from './pax.js'
import { BLOCK_SIZE, parseNumber } from './tar-header.js'

/** A run of stored bytes; between the runs of a file are holes, which read as zeros. */
interface Segment {
  readonly offset: number
  readonly length: number
}

/** How the stored bytes of a sparse file lie in it (GNU tar manual, appendix "Sparse Formats"). */
export interface SparseMap {
  /** Size of the file with its holes. */
  readonly size: number
  readonly segments: readonly Segment[]
  /** Bytes of the map itself that stood before the stored bytes. */
  readonly mapSize: number
}

const MAP_LIMIT = 1 << 20
const ZEROS = new Uint8Array(1 << 16)

/** The old GNU format: four segments in the header, and more in blocks after it. */
export async function readOldMap(reader: ByteReader, header: Buffer): Promise<SparseMap> {
  const segments = readSegments(header, 386, 4)
  let more = header[482] === 1
  for (let read = 0; more; read += BLOCK_SIZE) {
    const block = await reader.read(BLOCK_SIZE)
    if (block.length < BLOCK_SIZE) throw truncated()
    if (read >= MAP_LIMIT) throw damaged()
    segments.push(...readSegments(block, 0, 21))
    more = block[504] === 1
  }
  return { size: parseNumber(header.subarray(483, 495), 'realsize'), segments, mapSize: 0 }
}

function readSegments(block: Buffer, start: number, count: number): Segment[] {
  return Array.from({ length: count }, (_, index) => {
    const field = block.subarray(start + index * 24, start + index * 24 + 24)
    return { offset: parseNumber(field.subarray(0, 12), 'offset'), length: parseNumber(field.subarray(12), 'numbytes') }
  }).filter((segment) => segment.length > 0)
}

/**
 * The PAX formats: 0.0 and 0.1 have the map in the records, 1.0 before the stored bytes.
 * @returns nothing when the records are not those of a sparse file
 */
export async function readPaxMap(reader: ByteReader, records: readonly PaxRecord[]): Promise<SparseMap | undefined> {
  const numbers = (key: string): number[] =>
    records
      .filter((record) => record.key === `GNU.sparse.${key}`)
      .flatMap((record) => record.value.toString('latin1').split(','))
      .map((text) => parsePaxNumber(text, `GNU.sparse.${key}`))
  const [major] = numbers('major')
  if (major === 1) {
    const { list, mapSize } = await readStoredMap(reader)
    return { size: numbers('realsize')[0] ?? 0, segments: pairs(list), mapSize }
  }
  const [size] = numbers('size')
  if (size === undefined) return undefined
  const lengths = numbers('numbytes')
  const map = numbers('map')
  return {
    size,
    segments: map.length > 0 ? pairs(map) : numbers('offset').map((offset, at) => ({ offset, length: lengths[at] ?? 0 })),
    mapSize: 0,
  }
}

/** Decimal numbers, one a line: how many segments, then offset and length of each; filled up to whole blocks. */
async function readStoredMap(reader: ByteReader): Promise<{ list: number[]; mapSize: number }> {
  const list: number[] = []
  let rest = ''
  for (let mapSize = BLOCK_SIZE; mapSize <= MAP_LIMIT; mapSize += BLOCK_SIZE) {
    const block = await reader.read(BLOCK_SIZE)
    if (block.length < BLOCK_SIZE) throw truncated()
    const lines = (rest + block.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [count] = list
      if (count === undefined || list.length <= count * 2) list.push(parsePaxNumber(line, 'sparse map'))
    }
    const [count] = list
    if (count !== undefined && list.length > count * 2) return { list: list.slice(1), mapSize }
  }
  throw damaged()
}

function pairs(list: readonly number[]): Segment[] {
  return Array.from({ length: Math.ceil(list.length / 2) }, (_, at) => ({ offset: list[at * 2] ?? 0, length: list[at * 2 + 1] ?? 0 }))
}

/**
 * The whole of a sparse file, its holes as zeros.
 * @throws {LinuxkitError} `archive/bad-header` when the map does not fit the stored bytes
 */
export function expandSparse(stored: Content, map: SparseMap): Content {
  let end = 0
  for (const { offset, length } of map.segments) {
    if (offset < end) throw damaged()
    end = offset + length
  }
  const total = map.segments.reduce((sum, segment) => sum + segment.length, 0)
  if (end > map.size || total !== stored.size) throw damaged()
  return {
    size: map.size,
    async *open(range = { start: 0, end: map.size }) {
      let position = 0
      for await (const chunk of expand(stored, map)) {
        const piece = chunk.subarray(Math.max(range.start - position, 0), Math.max(range.end - position, 0))
        if (piece.length > 0) yield piece
        position += chunk.length
        if (position >= range.end) return
      }
    },
  }
}

async function* expand(stored: Content, map: SparseMap): AsyncIterable<Uint8Array> {
  const reader = new ByteReader(stored.open())
  let position = 0
  for (const { offset, length } of map.segments) {
    yield* zeros(offset - position)
    position = offset
    while (position < offset + length) {
      const piece = await reader.some(offset + length - position)
      if (piece === undefined) throw truncated()
      position += piece.length
      yield piece
    }
  }
  yield* zeros(map.size - position)
}

function* zeros(size: number): Iterable<Uint8Array> {
  for (let left = size; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, left)
}

function damaged(): LinuxkitError {
  return new LinuxkitError('archive/bad-header', 'the map of a sparse file in the archive is damaged')
}
