import { bytesContent, concatContents } from '../base/content.js'
import { writeCpio } from '../archive/cpio.js'
import { PIECE_SIZE, rawFrame, zstdFrame } from '../archive/zstd-frame.js'
import type { InitrdCompressor } from './initrd-encoder.js'

/**
 * One cpio archive in frames, one for each fragment, that end between two entries, as the kernel wants it (init/initramfs.c, unpack_to_rootfs: after each
 * compressed piece the archive has to be between entries).
 * @param level 1 to 22
 */
export function zstdInitrd(level: number): InitrdCompressor<{ readonly size: number }> {
  return {
    id: `zstd ${level} pieces of ${PIECE_SIZE}`,
    encode(entries) {
      const frame = zstdFrame(writeCpio(entries), level)
      return { bytes: frame.chunks, facts: () => ({ size: frame.size() }) }
    },
    join: (fragments, end) => concatContents([...fragments.map(({ content }) => content), bytesContent(rawFrame(end))]),
  }
}
