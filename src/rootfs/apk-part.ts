import { bytesContent, readAll } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { entry, type Entry } from '../archive/entry.js'
import type { CachedImage } from '../image/cached-image.js'
import { flattenImage } from '../image/flatten.js'
import { PACKAGES_LABEL } from '../image/package-labels.js'
import { stamped, type Part } from './part.js'

const SOURCE = 'LINUXKIT.apkinit'
const DATABASE = 'lib/apk/db/installed'
/** A database names every file of every package; even that of a desktop is smaller. */
const LARGEST_DATABASE = 64 << 20

/**
 * The databases of Alpine's package manager in init images, as one: each image brings its own, and the last would hide the others.
 * Undefined when no two images can have one. The layers have to be read for it, so images that are made from Debian packages are spared.
 */
export function apkPart(images: readonly CachedImage[]): Part | undefined {
  const candidates = images.filter((image) => image.config.config?.Labels?.[PACKAGES_LABEL] === undefined)
  if (candidates.length < 2) return undefined
  return {
    location: 'init',
    source: SOURCE,
    key: digestOf(JSON.stringify(['apk', candidates.map(({ descriptor }) => descriptor.digest)])),
    entries: (signal) => stamped(mergedDatabase(candidates, signal), SOURCE, 'init'),
  }
}

async function* mergedDatabase(images: readonly CachedImage[], signal: AbortSignal): AsyncIterable<Entry> {
  const databases: Buffer[] = []
  for (const image of images) {
    for await (const one of flattenImage(image, signal)) {
      if (one.path === DATABASE && one.type === 'file') databases.push(await readAll(one.content.open(), LARGEST_DATABASE))
    }
  }
  if (databases.length < 2) return
  const content = bytesContent(Buffer.concat(databases.flatMap((database) => [database, Buffer.from('\n\n')])))
  yield entry({ path: DATABASE, type: 'file', mtime: { seconds: 0, nanoseconds: 0 }, content })
}
