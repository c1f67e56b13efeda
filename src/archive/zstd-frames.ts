import { LinuxkitError } from '../base/errors.js'

/** Magic number of a frame, little-endian (RFC 8878, section 3.1.1). */
const MAGIC = 0xfd2fb528

/** What @toondepauw/node-zstd exports: libzstd 1.5.7, whose bytes are the same on every machine. */
interface ZstdLibrary {
  readonly Encoder: new (level: number) => { encode(data: Buffer): Promise<Buffer> }
}

/** Compresses a buffer into one frame, on a thread of its own. */
export type CompressFrame = (bytes: Buffer) => Promise<Buffer>

/**
 * Loads the encoder.
 * @param level 1 to 22
 * @throws {LinuxkitError} `compress/unavailable` on machines for which the library is not made
 */
export async function frameCompressor(level: number): Promise<CompressFrame> {
  // Typed here because the package's own declarations need more than it has.
  const { Encoder } = await import('@toondepauw/node-zstd').then(
    (loaded) => loaded as unknown as ZstdLibrary,
    (cause: unknown) => {
      const machine = `${process.platform} on ${process.arch}`
      throw new LinuxkitError('compress/unavailable', `the zstd encoder is not installed, or not made for ${machine}`, {
        hint: 'run "npm install" without --omit=optional, or build with --compress gzip',
        cause,
      })
    },
  )
  return (bytes) => new Encoder(level).encode(bytes)
}

/** A frame of one block that is not compressed (RFC 8878, sections 3.1.1.1 and 3.1.1.2). @param bytes 256 to 65535 */
export function rawFrame(bytes: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(10 + bytes.length)
  frame.writeUInt32LE(MAGIC, 0)
  // A single segment, whose size stands in two bytes, less 256.
  frame[4] = 0x60
  frame.writeUInt16LE(bytes.length - 256, 5)
  // The last block, of type raw.
  frame.writeUIntLE((bytes.length << 3) | 1, 7, 3)
  frame.set(bytes, 10)
  return frame
}
