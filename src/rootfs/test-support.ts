import { entry, type Entry } from '../archive/entry.js'
import { TAR_END, writeTar } from '../archive/tar-writer.js'
import { textContent } from '../base/content.js'
import type { ImageCache } from '../image/cache.js'
import { writeImage } from '../image/image-writer.js'
import { parseReference } from '../image/reference.js'

/** A file tree in shorthand: a text is a file, `null` a directory; entries stand for anything else. */
export type Tree = Readonly<Record<string, string | null | Partial<Entry>>>

export interface ImageDefaults {
  readonly Cmd?: readonly string[]
  readonly Labels?: Readonly<Record<string, string>>
}

function* treeEntries(tree: Tree): Iterable<Entry> {
  for (const [path, value] of Object.entries(tree)) {
    if (value === null) yield entry({ path, type: 'directory' })
    else if (typeof value === 'string') yield entry({ path, type: 'file', content: textContent(value) })
    else yield entry({ path, type: 'file', ...value })
  }
}

/** A tree as an uncompressed tar. */
export async function* tarOf(tree: Tree): AsyncIterable<Uint8Array> {
  async function* entries(): AsyncIterable<Entry> {
    yield* treeEntries(tree)
  }
  yield* writeTar(entries())
  yield TAR_END
}

/** Files an image of one layer in a cache. */
export async function addImage(cache: ImageCache, name: string, tree: Tree, config: ImageDefaults = {}): Promise<void> {
  const descriptor = await writeImage(cache, { layers: [tarOf(tree)], config: { architecture: 'amd64', os: 'linux', config } })
  await cache.setName(parseReference(name).text, descriptor)
}
