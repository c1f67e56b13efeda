import { bytesContent, readAll } from '../base/content.js'
import { entry, type Entry } from '../archive/entry.js'
import { newPart, type Part } from './part.js'

const SOURCE = 'LINUXKIT.apkinit'
const DATABASE = 'lib/apk/db/installed'
/** A database names every file of every package; even that of a desktop is smaller. */
const LARGEST_DATABASE = 64 << 20

/**
 * The databases of Alpine's package manager in init images, as one: each image brings its own, and the last would hide the others.
 * @param candidates the parts of the init images that can have one: layers have to be read for it
 * @returns undefined when no two can have one
 */
export function apkPart(candidates: readonly Part[]): Part | undefined {
  if (candidates.length < 2) return undefined
  return newPart({
    location: 'init',
    source: SOURCE,
    stamp: SOURCE,
    inputs: { databases: candidates.map(({ key }) => key) },
    entries: (signal) => mergedDatabase(candidates, signal),
  })
}

async function* mergedDatabase(parts: readonly Part[], signal: AbortSignal): AsyncIterable<Entry> {
  const databases: Buffer[] = []
  for (const part of parts) {
    for await (const one of part.entries(signal)) {
      if (one.path === DATABASE && one.type === 'file') databases.push(await readAll(one.content.open(), LARGEST_DATABASE))
    }
  }
  if (databases.length < 2) return
  const content = bytesContent(Buffer.concat(databases.flatMap((database) => [database, Buffer.from('\n\n')])))
  yield entry({ path: DATABASE, type: 'file', mtime: { seconds: 0, nanoseconds: 0 }, content })
}
