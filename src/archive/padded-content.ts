import type { Content } from '../base/content.js'

/**
 * The bytes of an archive member, and the zeros that fill it up.
 * @param path to name the member by when its content does not keep its word
 */
export async function* paddedContent(content: Content, padding: number, path: string): AsyncIterable<Uint8Array> {
  if (content.size === 0) return
  let written = 0
  for await (const chunk of content.open()) {
    written += chunk.length
    yield chunk
  }
  if (written !== content.size) throw new Error(`"${path}" has ${written} bytes, but its header says ${content.size}`)
  if (padding > 0) yield new Uint8Array(padding)
}
