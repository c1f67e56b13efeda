import { inBlocks } from '../base/blocks.js'
import { concatContents, sliceContent, type Content } from '../base/content.js'
import { mediumContent, zeros, type Extents } from './extents.js'

/** A piece of a medium, all pieces being of one size; the last one is filled up with zeros. */
export interface Cluster {
  /** Of the piece, from 0. */
  readonly index: number
  readonly bytes: Uint8Array
}

/** Pieces that follow one another. */
export interface ClusterRun {
  readonly first: number
  readonly count: number
}

/** The pieces of a medium that have anything but zeros in them, in order. Holes are not read. */
export async function* occupiedClusters(medium: Extents, clusterSize: number): AsyncIterable<Cluster> {
  const nothing = Buffer.alloc(clusterSize)
  const content = mediumContent(medium)
  for (const { first, count } of touchedRuns(medium, clusterSize)) {
    const range = { start: first * clusterSize, end: Math.min((first + count) * clusterSize, medium.size) }
    let index = first
    for await (const bytes of inBlocks(content.open(range), clusterSize)) {
      if (Buffer.compare(bytes, nothing.subarray(0, bytes.length)) !== 0) yield { index, bytes: filledUp(bytes, clusterSize) }
      index += 1
    }
  }
}

/** The same as runs, for formats that say at their beginning what follows. Reads the contents once, without keeping them. */
export async function occupiedRuns(medium: Extents, clusterSize: number): Promise<readonly ClusterRun[]> {
  const runs: ClusterRun[] = []
  for await (const { index } of occupiedClusters(medium, clusterSize)) {
    const last = runs.at(-1)
    if (last !== undefined && last.first + last.count === index) runs.splice(-1, 1, { first: last.first, count: last.count + 1 })
    else runs.push({ first: index, count: 1 })
  }
  return runs
}

/** The bytes of a run, whole clusters. */
export function runContent(medium: Extents, { first, count }: ClusterRun, clusterSize: number): Content {
  const start = first * clusterSize
  const end = Math.min(start + count * clusterSize, medium.size)
  const stored = sliceContent(mediumContent(medium), start, end)
  return concatContents([stored, zeros(count * clusterSize - stored.size)])
}

/** Runs of the clusters that extents lie in. */
function touchedRuns({ extents }: Extents, clusterSize: number): readonly ClusterRun[] {
  const runs: ClusterRun[] = []
  for (const { offset, content } of extents) {
    const first = Math.floor(offset / clusterSize)
    const end = Math.ceil((offset + content.size) / clusterSize)
    const last = runs.at(-1)
    if (last !== undefined && first <= last.first + last.count) runs.splice(-1, 1, { first: last.first, count: end - last.first })
    else runs.push({ first, count: end - first })
  }
  return runs
}

/** The last piece of a medium may be shorter than the others. */
function filledUp(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.length === size ? bytes : Buffer.concat([bytes], size)
}
