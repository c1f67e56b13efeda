import xz from 'xz-decompress'
import { LinuxkitError } from '../base/errors.js'
import { ByteReader } from './byte-reader.js'

/**
 * The part of xz-decompress that lies below its web stream. The stream holds a lock of the whole process from its first byte to its
 * last, so that two that are read in turns, or one that is never read to its end, would let others wait for ever. Its decoder,
 * xz-embedded as WebAssembly, needs no lock.
 */
interface XzLibrary {
  _getModuleInstance(): Promise<void>
  readonly _moduleInstance: { readonly exports: XzDecoder }
}

/** A context is the address of: buffer size, then `struct xz_buf` (xz-embedded, xz.h): in, in_pos, in_size, out, out_pos, out_size. */
interface XzDecoder {
  readonly memory: { readonly buffer: ArrayBuffer }
  create_context(): number
  /** No bytes at all mean that the input has ended. */
  supply_input(context: number, size: number): void
  get_next_output(context: number): number
  destroy_context(context: number): void
}

/** Decoders that are not in use. Compiling one costs a millisecond, which counts when a kernel has thousands of compressed modules. */
const idle: XzDecoder[] = []
const MOST_IDLE = 4
/** The memory of a decoder never shrinks again: one that has met a large dictionary is left to the garbage collector. */
const LARGEST_IDLE = 4 << 20

async function takeDecoder(): Promise<XzDecoder> {
  const found = idle.pop()
  if (found !== undefined) return found
  const library = xz.XzReadableStream as unknown as XzLibrary
  await library._getModuleInstance()
  return library._moduleInstance.exports
}

function giveBack(decoder: XzDecoder): void {
  if (idle.length < MOST_IDLE && decoder.memory.buffer.byteLength <= LARGEST_IDLE) idle.push(decoder)
}

/** Results of the decoder (xz-embedded, `enum xz_ret`). */
const XZ_OK = 0
const XZ_STREAM_END = 1
const XZ_OPTIONS_ERROR = 6

/**
 * Unpacks xz streams, one after another with padding between them (The .xz File Format, section 2).
 * @throws {LinuxkitError} `archive/unsupported`, and plain errors for what is not xz
 */
export async function* decodeXz(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const decoder = await takeDecoder()
  const context = decoder.create_context()
  const reader = new ByteReader(source)
  try {
    let result = XZ_OK
    while (result !== XZ_STREAM_END) {
      // The views are made anew each time, for they end when the memory grows.
      const [bufferSize = 0, input = 0, consumed, supplied] = new Uint32Array(decoder.memory.buffer, context, 4)
      if (consumed === supplied) {
        const piece = (await reader.some(bufferSize)) ?? Buffer.alloc(0)
        new Uint8Array(decoder.memory.buffer).set(piece, input)
        decoder.supply_input(context, piece.length)
      }
      result = decoder.get_next_output(context)
      if (result === XZ_OPTIONS_ERROR)
        throw new LinuxkitError('archive/unsupported', 'the xz data has a filter or a check that is not supported')
      if (result !== XZ_OK && result !== XZ_STREAM_END) throw new Error(`the decoder fails with ${result}`)
      const state = new Uint32Array(decoder.memory.buffer, context, 6)
      const [, , , , output = 0, produced = 0] = state
      state[5] = 0
      if (produced > 0) yield new Uint8Array(decoder.memory.buffer).slice(output, output + produced)
    }
  } finally {
    decoder.destroy_context(context)
    giveBack(decoder)
    await reader.close()
  }
}
