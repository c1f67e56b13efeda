import type { CachedImage } from '../image/cached-image.js'
import { imageTree } from './image-tree.js'
import { newPart, type Part } from './part.js'

/** An image that is unpacked over the root. */
export function initPart(index: number, image: CachedImage): Part {
  const location = `init[${index}]`
  const source = image.reference.text
  return newPart({
    location,
    source,
    stamp: source,
    weight: image.size,
    inputs: { root: image.descriptor.digest },
    entries: (signal) => imageTree(image, '', 'symlink', signal),
  })
}
