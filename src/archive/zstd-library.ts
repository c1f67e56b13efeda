import { LinuxkitError } from '../base/errors.js'

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
