import { pipeline, type Transform } from 'node:stream'
import zlib from 'node:zlib'
import { LinuxkitError } from '../base/errors.js'
import { ByteReader } from './byte-reader.js'

type Bytes = AsyncIterable<Uint8Array>

/** What a decoder gives out at once; more falls out of the processor's cache. */
const CHUNK_SIZE = 1 << 18

/** Only Node 22.15 and newer have it, and the type declarations are those of Node 20. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: (options: { chunkSize: number }) => Transform }

/**
 * Unpacks a gzip stream (RFC 1952) of one or more members.
 * @throws {LinuxkitError} `archive/corrupt`
 */
export function gunzip(source: Bytes): Bytes {
  return decode('gzip', source, (input) => throughTransform(input, zlib.createGunzip({ chunkSize: CHUNK_SIZE })))
}

/**
 * Unpacks an xz stream (The .xz File Format 1.2.1); several streams one after another are one.
 * @throws {LinuxkitError} `archive/corrupt`
 */
export function unxz(source: Bytes): Bytes {
  return decode('xz', source, async function* (input) {
    const { decodeXz } = await import('./xz.js')
    yield* decodeXz(input)
  })
}

/**
 * Unpacks a Zstandard stream (RFC 8878) of one or more frames.
 * @throws {LinuxkitError} `archive/corrupt`
 */
export function unzstd(source: Bytes): Bytes {
  if (createZstdDecompress !== undefined) {
    return decode('zstd', source, (input) => throughTransform(input, createZstdDecompress({ chunkSize: CHUNK_SIZE })))
  }
  return decode('zstd', source, async function* (input) {
    const { decodeZstd } = await import('./zstd.js')
    yield* decodeZstd(input)
  })
}

/**
 * Unpacks whatever of these the stream is by its first bytes, and passes anything else through as it is.
 * @throws {LinuxkitError} `archive/corrupt`
 */
export async function* decompress(source: Bytes): Bytes {
  const reader = new ByteReader(source)
  const magic = (await reader.peek(6)).toString('hex')
  if (magic.startsWith('1f8b')) yield* gunzip(reader.rest())
  else if (magic === 'fd377a585a00') yield* unxz(reader.rest())
  // A skippable frame (RFC 8878, 3.1.2) may come first: 0x184D2A50 to 0x184D2A5F, little-endian.
  else if (/^(?:28b52ffd|5.2a4d18)/.test(magic)) yield* unzstd(reader.rest())
  else yield* reader.rest()
}

/** Runs a decoder; what it says of the bytes becomes a LinuxkitError, what the source says stays as it is. */
async function* decode(format: string, source: Bytes, decoder: (input: Bytes) => Bytes): Bytes {
  let failure: { readonly error: unknown } | undefined
  async function* watched(): Bytes {
    try {
      yield* source
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  const output = decoder(watched())[Symbol.asyncIterator]()
  try {
    for (;;) {
      let next
      try {
        next = await output.next()
      } catch (error) {
        if (failure !== undefined) throw failure.error
        if (error instanceof LinuxkitError) throw error
        throw new LinuxkitError('archive/corrupt', `the ${format} data is damaged or cut off`, { cause: error })
      }
      if (next.done === true) return
      if (next.value.length > 0) yield next.value
    }
  } finally {
    await output.return?.()
  }
}

async function* throughTransform(input: Bytes, transform: Transform): Bytes {
  // Errors of either end surface in the iteration below, for the pipeline destroys the transform with them.
  pipeline(input, transform, () => {})
  yield* transform as AsyncIterable<Buffer>
}
