import { bytesContent, concatContents } from '../base/content.js'
import { writeCpio } from '../archive/cpio.js'
import type { InitrdCompressor } from './initrd-encoder.js'

/** The archive as it is, for machines with more disk than time. */
export const plainInitrd: InitrdCompressor<{ readonly size: number }> = {
  id: 'none',
  encode(entries) {
    let size = 0
    async function* counted(): AsyncIterable<Uint8Array> {
      for await (const chunk of writeCpio(entries)) {
        size += chunk.length
        yield chunk
      }
    }
    return { bytes: counted(), facts: () => ({ size }) }
  },
  join: (fragments, end) => concatContents([...fragments.map(({ content }) => content), bytesContent(end)]),
}
