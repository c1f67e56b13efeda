import { Decompress } from 'fzstd'
import { ByteReader } from './byte-reader.js'

/** As much as the zstd program allows without --memory (ZSTD_WINDOWLOG_LIMIT_DEFAULT 27). */
const WINDOW_LIMIT = 1 << 27
const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const RLE_BLOCK = 1

/**
 * Unpacks Zstandard frames (RFC 8878, section 3.1). The frames are walked here, so that the decoder is fed block by block and never
 * makes more than one block (128 KiB) ahead of its reader. Checksums of content are not verified: digests are, by whoever has one.
 * @throws plain errors for what is not zstd
 */
export async function* decodeZstd(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const reader = new ByteReader(source)
  try {
    do {
      const magic = (await exactly(reader, 4)).readUInt32LE()
      if (magic === FRAME_MAGIC) yield* decodeFrame(reader)
      else if ((magic & ~0xf) === SKIPPABLE_MAGIC) await reader.skip((await exactly(reader, 4)).readUInt32LE())
      else throw new Error('not a zstd frame')
    } while ((await reader.peek(1)).length > 0)
  } finally {
    await reader.close()
  }
}

async function* decodeFrame(reader: ByteReader): AsyncIterable<Uint8Array> {
  const { header, checksum } = await readFrameHeader(reader)
  const output: Uint8Array[] = []
  const decoder = new Decompress((data) => output.push(data))
  decoder.push(header)
  for (let last = false; !last;) {
    const blockHeader = await exactly(reader, 3)
    const fields = blockHeader.readUIntLE(0, 3)
    last = (fields & 1) === 1
    const size = ((fields >> 1) & 3) === RLE_BLOCK ? 1 : fields >> 3
    decoder.push(Buffer.concat([blockHeader, await exactly(reader, size)]))
    if (last) decoder.push(await exactly(reader, checksum), true)
    yield* output.splice(0)
  }
}

/** Frame header (RFC 8878, section 3.1.1.1) with the magic number before it, and the size of the checksum after the last block. */
async function readFrameHeader(reader: ByteReader): Promise<{ header: Buffer; checksum: number }> {
  const [descriptor = 0] = await exactly(reader, 1)
  const singleSegment = (descriptor & 0x20) !== 0
  const windowDescriptorSize = singleSegment ? 0 : 1
  const dictionaryIdSize = [0, 1, 2, 4][descriptor & 3] ?? 0
  const contentSizeSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const rest = await exactly(reader, windowDescriptorSize + dictionaryIdSize + contentSizeSize)
  if (windowSize() > WINDOW_LIMIT) throw new Error('the window is larger than 128 MiB')
  const magic = Buffer.alloc(4)
  magic.writeUInt32LE(FRAME_MAGIC)
  return { header: Buffer.concat([magic, Buffer.of(descriptor), rest]), checksum: (descriptor & 4) !== 0 ? 4 : 0 }

  function windowSize(): number {
    if (!singleSegment) {
      const [window = 0] = rest
      return 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8)
    }
    const contentSize = rest.subarray(dictionaryIdSize)
    return contentSizeSize === 8 ? Number(contentSize.readBigUInt64LE()) : contentSize.readUIntLE(0, contentSizeSize)
  }
}

async function exactly(reader: ByteReader, size: number): Promise<Buffer> {
  const bytes = await reader.read(size)
  if (bytes.length < size) throw new Error('the frame ends in the middle')
  return bytes
}
