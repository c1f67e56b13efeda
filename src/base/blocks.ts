/**
 * The bytes of a stream in pieces of the same size, the last one shorter, so that what is made of them does not depend on how the stream
 * was cut. A piece may share memory with the chunk that it came in.
 * @param size of a piece in bytes
 */
export async function* inBlocks(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, size: number): AsyncIterable<Uint8Array> {
  let gathered: Buffer | undefined
  let filled = 0
  for await (const chunk of source) {
    for (let start = 0; start < chunk.length;) {
      const piece = chunk.subarray(start, start + size - filled)
      start += piece.length
      if (piece.length === size) {
        yield piece
        continue
      }
      gathered ??= Buffer.allocUnsafe(size)
      gathered.set(piece, filled)
      filled += piece.length
      if (filled < size) continue
      yield gathered
      gathered = undefined
      filled = 0
    }
  }
  if (gathered !== undefined && filled > 0) yield gathered.subarray(0, filled)
}
