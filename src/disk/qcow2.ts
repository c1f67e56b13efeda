import { bytesContent, concatContents, type Content } from '../base/content.js'
import { occupiedRuns, runContent, type ClusterRun } from './clusters.js'
import type { Extents } from './extents.js'

const CLUSTER_BITS = 16
const CLUSTER_SIZE = 1 << CLUSTER_BITS

/** Entries of 8 bytes in a table of one cluster. */
const TABLE_ENTRIES = CLUSTER_SIZE / 8

/** Counts of 2 bytes in a block of one cluster. */
const COUNTS_PER_BLOCK = CLUSTER_SIZE / 2

const HEADER_SIZE = 104

/** Of an entry: what it refers to is referred to by nobody else. */
const COPIED = 1n << 63n

/**
 * A disk image for QEMU, version 3, not compressed, of the size of the medium (QEMU, docs/interop/qcow2.txt). Clusters of zeros are left out; the
 * medium is read twice therefore, once to learn which these are.
 */
export async function qcow2Image(medium: Extents): Promise<Content> {
  const runs = await occupiedRuns(medium, CLUSTER_SIZE)
  const stored = runs.reduce((sum, { count }) => sum + count, 0)
  const secondTables = new Map<number, Buffer>()
  const tableOf = (cluster: number): Buffer => {
    const number = Math.floor(cluster / TABLE_ENTRIES)
    const table = secondTables.get(number) ?? Buffer.alloc(CLUSTER_SIZE)
    secondTables.set(number, table)
    return table
  }
  // Touched in order, so that the map has them in the order in which they are written.
  for (const cluster of clustersOf(runs)) tableOf(cluster)

  const firstTableEntries = Math.ceil(medium.size / CLUSTER_SIZE / TABLE_ENTRIES)
  const firstTableClusters = Math.max(Math.ceil(firstTableEntries / TABLE_ENTRIES), 1)
  const counted = 1 + firstTableClusters + secondTables.size + stored
  const { blocks, tableClusters } = countsFor(counted)

  const countTableOffset = CLUSTER_SIZE
  const countBlocksOffset = countTableOffset + tableClusters * CLUSTER_SIZE
  const firstTableOffset = countBlocksOffset + blocks * CLUSTER_SIZE
  const secondTablesOffset = firstTableOffset + firstTableClusters * CLUSTER_SIZE
  const dataOffset = secondTablesOffset + secondTables.size * CLUSTER_SIZE

  const header = Buffer.alloc(CLUSTER_SIZE)
  header.write('QFI\u00fb', 'latin1')
  header.writeUInt32BE(3, 4)
  header.writeUInt32BE(CLUSTER_BITS, 20)
  header.writeBigUInt64BE(BigInt(medium.size), 24)
  header.writeUInt32BE(firstTableEntries, 36)
  header.writeBigUInt64BE(BigInt(firstTableOffset), 40)
  header.writeBigUInt64BE(BigInt(countTableOffset), 48)
  header.writeUInt32BE(tableClusters, 56)
  // Counts have 2^4 bits.
  header.writeUInt32BE(4, 96)
  header.writeUInt32BE(HEADER_SIZE, 100)

  const countTable = Buffer.alloc(tableClusters * CLUSTER_SIZE)
  for (let block = 0; block < blocks; block += 1) countTable.writeBigUInt64BE(BigInt(countBlocksOffset + block * CLUSTER_SIZE), block * 8)
  const countBlocks = Buffer.alloc(blocks * CLUSTER_SIZE)
  for (let cluster = 0; cluster < counted + blocks + tableClusters; cluster += 1) countBlocks.writeUInt16BE(1, cluster * 2)

  const firstTable = Buffer.alloc(firstTableClusters * CLUSTER_SIZE)
  for (const [position, number] of [...secondTables.keys()].entries()) {
    firstTable.writeBigUInt64BE(BigInt(secondTablesOffset + position * CLUSTER_SIZE) | COPIED, number * 8)
  }
  let offset = dataOffset
  for (const cluster of clustersOf(runs)) {
    tableOf(cluster).writeBigUInt64BE(BigInt(offset) | COPIED, (cluster % TABLE_ENTRIES) * 8)
    offset += CLUSTER_SIZE
  }
  return concatContents([
    ...[header, countTable, countBlocks, firstTable, ...secondTables.values()].map(bytesContent),
    ...runs.map((run) => runContent(medium, run, CLUSTER_SIZE)),
  ])
}

function* clustersOf(runs: readonly ClusterRun[]): Iterable<number> {
  for (const { first, count } of runs) for (let cluster = first; cluster < first + count; cluster += 1) yield cluster
}

/** How many clusters it takes to count clusters, the counting ones included. */
function countsFor(counted: number): { readonly blocks: number; readonly tableClusters: number } {
  let [blocks, tableClusters] = [0, 0]
  for (;;) {
    const enough = Math.ceil((counted + blocks + tableClusters) / COUNTS_PER_BLOCK)
    const table = Math.ceil(enough / TABLE_ENTRIES)
    if (enough === blocks && table === tableClusters) return { blocks, tableClusters }
    ;[blocks, tableClusters] = [enough, table]
  }
}
