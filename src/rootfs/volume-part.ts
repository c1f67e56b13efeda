import { digestOf } from '../base/digest.js'
import { entry, type Entry } from '../archive/entry.js'
import type { CachedImage } from '../image/cached-image.js'
import { directories, imageTree } from './image-tree.js'
import { stamped, type Part } from './part.js'

const DIRECTORIES_SOURCE = 'linuxkit.volumes'

/** Where a volume lies in the root. */
export function volumeDirectory(name: string): string {
  return `containers/volumes/${name}`
}

/** A volume: `lower` holds the image, or nothing; at boot an overlay of it, with its changes in `tmp`, is mounted on `merged`. */
export function volumePart(index: number, name: string, image: CachedImage | undefined): Part {
  const location = `volume[${index}]`
  const base = volumeDirectory(name)
  const source = image?.reference.text ?? 'empty'
  async function* lower(signal: AbortSignal): AsyncIterable<Entry> {
    if (image === undefined) yield* directories(`${base}/lower`)
    else yield* imageTree(image, `${base}/lower/`, 'symlink', signal)
  }
  async function* mountPoints(): AsyncIterable<Entry> {
    for (const directory of ['tmp', 'merged']) yield entry({ path: `${base}/${directory}/`, type: 'directory' })
  }
  return {
    location,
    source,
    key: digestOf(JSON.stringify(['volume', location, name, image?.descriptor.digest ?? null])),
    async *entries(signal) {
      yield* stamped(lower(signal), source, location)
      yield* stamped(mountPoints(), DIRECTORIES_SOURCE, location)
    },
  }
}
