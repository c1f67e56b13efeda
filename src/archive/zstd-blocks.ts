/** Largest block (RFC 8878, section 3.1.1.2.4). */
export const LARGEST_BLOCK = 1 << 17

const TYPES = ['raw', 'rle', 'compressed'] as const

/** A block of a frame, without its header (RFC 8878, section 3.1.1.2). */
export interface Block {
  readonly type: (typeof TYPES)[number]
  readonly body: Buffer
  /** Bytes that the block stands for; of a compressed one they are not known. */
  readonly size: number
}

/** The blocks of a whole frame that an encoder has made, taken out of it. */
export interface TakenBlocks {
  readonly blocks: readonly Block[]
  /** The blocks with their headers; none of them is marked as the last. A slice of the frame, which is changed. */
  readonly bytes: Buffer
}

/** Takes the blocks out of a frame that has no checksum, so that others can follow them. */
export function takeBlocks(frame: Buffer): TakenBlocks {
  const start = frameHeaderSize(frame.readUInt8(4))
  const blocks: Block[] = []
  for (let at = start; ;) {
    const fields = frame.readUIntLE(at, 3)
    const type = TYPES[(fields >> 1) & 3]
    const size = fields >> 3
    if (type === undefined) throw new RangeError('a block of a reserved type')
    const bodySize = type === 'rle' ? 1 : size
    blocks.push({ type, body: frame.subarray(at + 3, at + 3 + bodySize), size })
    const end = at + 3 + bodySize
    if ((fields & 1) === 1) {
      frame.writeUInt8(frame.readUInt8(at) & ~1, at)
      return { blocks, bytes: frame.subarray(start, end) }
    }
    at = end
  }
}

/** Magic number, descriptor, window, dictionary and content size (section 3.1.1.1). */
function frameHeaderSize(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0
  if ((descriptor & 0x04) !== 0) throw new RangeError('a frame with a checksum')
  return 5 + (singleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0) + ([singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0)
}

/** Bytes as blocks that are not compressed, none of them marked as the last. */
export function* rawBlocks(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let start = 0; start < bytes.length; start += LARGEST_BLOCK) {
    const body = bytes.subarray(start, start + LARGEST_BLOCK)
    yield blockHeader('raw', body.length)
    yield body
  }
}

/** @param size of the body; for type rle how often its byte stands */
export function blockHeader(type: Block['type'], size: number): Buffer {
  const header = Buffer.alloc(3)
  header.writeUIntLE((size << 3) | (TYPES.indexOf(type) << 1), 0, 3)
  return header
}
