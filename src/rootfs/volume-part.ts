import { posix } from 'node:path'
import { entry, type Entry } from '../archive/entry.js'
import type { CachedImage } from '../image/cached-image.js'
import type { ImageLayout } from '../image/layout.js'
import { directories, imageTree } from './image-tree.js'
import { newPart, type Part } from './part.js'

const DIRECTORIES_SOURCE = 'linuxkit.volumes'

/** What a volume holds at first. */
export type VolumeContent =
  | { readonly type: 'blank' }
  | { readonly type: 'tree'; readonly image: CachedImage }
  | { readonly type: 'layout'; readonly layout: ImageLayout }

/** Where a volume lies in the root. */
export function volumeDirectory(name: string): string {
  return posix.join('containers/volumes', name)
}

/** A volume: `lower` holds its content; at boot an overlay of it, with its changes in `tmp`, is mounted on `merged`. */
export function volumeParts(index: number, name: string, content: VolumeContent): readonly Part[] {
  const location = `volume[${index}]`
  const base = volumeDirectory(name)
  const { source, identity } = describe(content)
  async function* mountPoints(): AsyncIterable<Entry> {
    for (const directory of ['tmp', 'merged']) yield entry({ path: `${base}/${directory}/`, type: 'directory' })
  }
  return [
    newPart({
      location,
      source,
      stamp: source,
      inputs: { volume: identity, name },
      small: content.type === 'blank',
      weight: content.type === 'tree' ? content.image.size : 0,
      entries: (signal) => lower(content, `${base}/lower`, signal),
    }),
    newPart({
      location,
      source: DIRECTORIES_SOURCE,
      stamp: DIRECTORIES_SOURCE,
      inputs: { directories: base },
      small: true,
      present: [base],
      entries: mountPoints,
    }),
  ]
}

function describe(content: VolumeContent): { readonly source: string; readonly identity: readonly string[] } {
  switch (content.type) {
    case 'blank':
      return { source: 'empty', identity: [] }
    case 'tree':
      return { source: content.image.reference.text, identity: [content.image.descriptor.digest] }
    case 'layout': {
      const { reference, root, entries } = content.layout
      return { source: reference.text, identity: [reference.text, root.digest, ...entries.map(({ path }) => path)] }
    }
  }
}

async function* lower(content: VolumeContent, path: string, signal: AbortSignal): AsyncIterable<Entry> {
  if (content.type === 'tree') {
    yield* imageTree(content.image, `${path}/`, 'symlink', signal)
    return
  }
  yield* directories(path)
  if (content.type === 'layout') for (const one of content.layout.entries) yield { ...one, path: `${path}/${one.path}` }
}
