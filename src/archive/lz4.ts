import { GrowingBuffer } from './growing-buffer.js'

const LEGACY_MAGIC = 0x184c2102
const MIN_MATCH = 4

/**
 * Unpacks an LZ4 file of the legacy kind, which kernels are compressed with (lz4, doc/lz4_Frame_format.md, "Legacy frame"; the blocks:
 * doc/lz4_Block_format.md).
 * @throws plain errors for what is not that, or unpacks to more than `limit` bytes
 */
export function decodeLz4(packed: Uint8Array, limit: number): Buffer {
  const input = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength)
  const output = new GrowingBuffer(limit)
  let at = 0
  if (input.readUInt32LE(at) !== LEGACY_MAGIC) throw new Error('not a legacy LZ4 frame')
  while (at < input.length) {
    const size = input.readUInt32LE(at)
    at += 4
    // Frames may follow one another.
    if (size === LEGACY_MAGIC) continue
    if (size > input.length - at) throw new Error('a block ends in the middle')
    decodeBlock(input.subarray(at, at + size), output)
    at += size
  }
  return output.bytes()
}

function decodeBlock(block: Buffer, output: GrowingBuffer): void {
  const start = output.length
  let at = 0
  const length = (nibble: number): number => {
    let total = nibble
    for (let more = nibble === 15; more;) {
      const byte = block.readUInt8(at++)
      total += byte
      more = byte === 255
    }
    return total
  }
  while (at < block.length) {
    const token = block.readUInt8(at++)
    const literals = length(token >> 4)
    if (literals > block.length - at) throw new Error('literals end in the middle')
    output.append(block.subarray(at, at + literals))
    at += literals
    // The last sequence of a block has no match.
    if (at === block.length) return
    const distance = block.readUInt16LE(at)
    at += 2
    if (distance === 0 || distance > output.length - start) throw new Error('a match before the beginning')
    output.repeat(distance, length(token & 15) + MIN_MATCH)
  }
}
