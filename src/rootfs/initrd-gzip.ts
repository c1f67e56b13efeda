import { bytesContent, concatContents } from '../base/content.js'
import { writeCpio } from '../archive/cpio.js'
import { deflateFragment, GZIP_HEADER, gzipTrailer, storedFragment, type DeflateResult } from '../archive/gzip.js'
import type { InitrdCompressor } from './initrd-encoder.js'

/**
 * One gzip member that holds one cpio archive, so that `zcat initrd | cpio -it` shows it all.
 * @param level 1 to 9
 */
export function gzipInitrd(level: number): InitrdCompressor<DeflateResult> {
  return {
    // Node's zlib makes other bytes in other versions, and on other processors.
    id: `gzip ${level} zlib ${process.versions.zlib} ${process.arch}`,
    encode(entries) {
      const deflated = deflateFragment(writeCpio(entries, { runs: true }), level)
      return { bytes: deflated.chunks, facts: () => deflated.result() }
    },
    join(fragments, end) {
      const last = storedFragment(end)
      return concatContents([
        bytesContent(GZIP_HEADER),
        ...fragments.map(({ content }) => content),
        bytesContent(last.bytes),
        bytesContent(gzipTrailer([...fragments.map(({ facts }) => facts), last.result])),
      ])
    },
  }
}
