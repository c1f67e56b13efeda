import { bytesContent, concatContents } from '../base/content.js'
import { writeCpio } from '../archive/cpio.js'
import { isBytes, type Piece } from '../archive/deflate-runs.js'
import { deflateFragment, GZIP_HEADER, gzipTrailer, storedFragment, type DeflateResult } from '../archive/gzip.js'
import type { InitrdCompressor } from './initrd-encoder.js'

/** So few bytes by themselves are not worth the work of compressing them, which is done anew in each build. */
const SHORT = 1 << 14

/**
 * One gzip member that holds one cpio archive, so that `zcat initrd | cpio -it` shows it all.
 * @param level 1 to 9
 */
export function gzipInitrd(level: number): InitrdCompressor<DeflateResult> {
  return {
    // Node's zlib makes other bytes in other versions, and on other processors.
    id: `gzip ${level} zlib ${process.versions.zlib} ${process.arch}`,
    encode(entries) {
      const deflated = deflateFragment(storedIfShort(writeCpio(entries, { runs: true })), level)
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

/** The stream as it is, or when all of it is short as one run that is not compressed. */
async function* storedIfShort(source: AsyncIterable<Piece>): AsyncIterable<Piece> {
  const gathered: Uint8Array[] = []
  let size = 0
  for await (const piece of source) {
    if (size <= SHORT) {
      size += isBytes(piece) ? piece.length : SHORT + 1
      if (isBytes(piece) && size <= SHORT) {
        gathered.push(piece)
        continue
      }
      yield* gathered
    }
    yield piece
  }
  if (size === 0 || size > SHORT) return
  const { bytes, result } = storedFragment(Buffer.concat(gathered))
  yield { ...result, chunks: bytesContent(bytes).open() }
}
