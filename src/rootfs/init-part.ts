import { digestOf } from '../base/digest.js'
import type { CachedImage } from '../image/cached-image.js'
import { imageTree } from './image-tree.js'
import { stamped, type Part } from './part.js'

/** An image that is unpacked over the root. */
export function initPart(index: number, image: CachedImage): Part {
  const location = `init[${index}]`
  const source = image.reference.text
  return {
    location,
    source,
    key: digestOf(JSON.stringify(['init', location, image.descriptor.digest])),
    entries: (signal) => stamped(imageTree(image, '', 'symlink', signal), source, location),
  }
}
