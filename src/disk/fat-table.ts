import type { Content } from '../base/content.js'
import { FIRST_CLUSTER, type FatType } from './fat-geometry.js'

const END_OF_CHAIN: Readonly<Record<FatType, number>> = { 12: 0xfff, 16: 0xffff, 32: 0x0fffffff }

/** "Fixed disk", in the first entry and in the boot sector. */
export const FAT_MEDIA = 0xf8

/** Entries that are made at a time. */
const WINDOW = 1 << 16

/**
 * The allocation table of a volume whose files lie one behind the other, each of them in one piece, so that the table need not be held in
 * memory: an entry names the next cluster, or it is the end of a chain. Free clusters after the last chain are left out.
 * @param lastClusters the last cluster of each chain, in ascending order
 */
export function allocationTable(type: FatType, lastClusters: readonly number[]): Content {
  const entries = (lastClusters.at(-1) ?? FIRST_CLUSTER - 1) + 1
  const size = Math.ceil((entries * type) / 8)
  const windowSize = (WINDOW * type) / 8
  return {
    size,
    async *open({ start, end } = { start: 0, end: size }) {
      for (let window = Math.floor(start / windowSize); window * windowSize < end; window += 1) {
        const from = window * WINDOW
        const values = entriesBetween(type, lastClusters, from, Math.min(from + WINDOW, entries))
        const offset = window * windowSize
        yield packed(type, values).subarray(Math.max(start - offset, 0), end - offset)
      }
    },
  }
}

function entriesBetween(type: FatType, lastClusters: readonly number[], from: number, to: number): Uint32Array {
  const values = new Uint32Array(to - from)
  for (let index = 0; index < values.length; index++) values[index] = from + index + 1
  const endOfChain = END_OF_CHAIN[type]
  for (const cluster of lastClusters) if (cluster >= from && cluster < to) values[cluster - from] = endOfChain
  // Two entries belong to no cluster: the medium, and flags that say that the volume was left in order (Microsoft FAT specification, section 4.2).
  if (from === 0) values.set([endOfChain - 0xff + FAT_MEDIA, endOfChain])
  return values
}

function packed(type: FatType, values: Uint32Array): Buffer {
  if (type === 32) return Buffer.from(values.buffer)
  if (type === 16) return Buffer.from(new Uint16Array(values).buffer)
  const bytes = Buffer.alloc(Math.ceil((values.length * 12) / 8))
  for (const [index, value] of values.entries()) {
    const at = Math.floor((index * 12) / 8)
    // An even entry fills a byte and the low half of the next, an odd one the high half and a byte.
    if (index % 2 === 0) {
      bytes[at] = value & 0xff
      if (at + 1 < bytes.length) bytes[at + 1] = value >> 8
    } else {
      bytes[at] = (bytes[at] ?? 0) | ((value & 0xf) << 4)
      bytes[at + 1] = value >> 4
    }
  }
  return bytes
}
