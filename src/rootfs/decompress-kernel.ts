import { bytesContent, readAll, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { decompress } from '../archive/decompress.js'

/** Far beyond any kernel; what is larger is not one. */
const LARGEST_KERNEL = 512 << 20

// The setup header of an x86 kernel (kernel, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header").
const SETUP_SECTORS = 0x1f1
const BOOT_FLAG = 0x1fe
const HEADER_MAGIC = 0x202
const PAYLOAD_OFFSET = 0x248
const PAYLOAD_LENGTH = 0x24c
const HEADER_END = 0x250
const SECTOR = 512

type Decoder = (payload: Uint8Array) => Promise<Buffer>

const streamed: Decoder = (payload) => readAll(decompress(bytesContent(payload).open()), LARGEST_KERNEL)

/**
 * What kernels are compressed with, by what it begins with. All but gzip end with their size (kernel, scripts/Makefile.lib, size_append),
 * which their decoders would take for more data.
 */
const COMPRESSIONS: readonly { readonly magic: readonly number[]; readonly sizeAppended: boolean; readonly decode: Decoder }[] = [
  { magic: [0x1f, 0x8b], sizeAppended: false, decode: streamed },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], sizeAppended: true, decode: streamed },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], sizeAppended: true, decode: streamed },
  {
    magic: [0x02, 0x21, 0x4c, 0x18],
    sizeAppended: true,
    decode: async (bytes) => (await import('../archive/lz4.js')).decodeLz4(bytes, LARGEST_KERNEL),
  },
  {
    magic: [0x42, 0x5a, 0x68],
    sizeAppended: true,
    decode: async (bytes) => (await import('../archive/bzip2.js')).decodeBzip2(bytes, LARGEST_KERNEL),
  },
  {
    magic: [0x5d, 0x00, 0x00],
    sizeAppended: true,
    decode: async (bytes) => (await import('../archive/lzma.js')).decodeLzma(bytes, LARGEST_KERNEL),
  },
]

/**
 * The kernel proper out of a kernel file that is compressed as a whole, or whose payload is (an x86 bzImage).
 * @throws {LinuxkitError} `build/decompress-kernel` for a kernel that is not compressed, or in a way that cannot be unpacked
 */
export async function decompressKernel(kernel: Content): Promise<Content> {
  const bytes = await readAll(kernel.open(), LARGEST_KERNEL)
  const payload = startsWith(bytes, [0x1f, 0x8b]) ? bytes : bzImagePayload(bytes)
  const compression = COMPRESSIONS.find(({ magic }) => startsWith(payload, magic))
  if (compression === undefined) throw bad('its payload is compressed in a way that is not known')
  try {
    return bytesContent(await compression.decode(compression.sizeAppended ? payload.subarray(0, -4) : payload))
  } catch (error) {
    throw bad('its payload is damaged', error)
  }
}

function bzImagePayload(bytes: Buffer): Buffer {
  const isBzImage =
    bytes.length > HEADER_END &&
    bytes.readUInt16LE(BOOT_FLAG) === 0xaa55 &&
    bytes.toString('latin1', HEADER_MAGIC, HEADER_MAGIC + 4) === 'HdrS'
  if (!isBzImage) throw bad('it is neither compressed nor a bzImage')
  const start = bytes.readUInt32LE(PAYLOAD_OFFSET) + (bytes.readUInt8(SETUP_SECTORS) + 1) * SECTOR
  const end = start + bytes.readUInt32LE(PAYLOAD_LENGTH)
  if (start >= end || end > bytes.length) throw bad('its payload lies outside of the file')
  return bytes.subarray(start, end)
}

function startsWith(bytes: Buffer, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte)
}

function bad(reason: string, cause?: unknown): LinuxkitError {
  return new LinuxkitError('build/decompress-kernel', `the kernel cannot be decompressed: ${reason}`, {
    hint: 'build without --decompress-kernel, or with an image whose kernel is compressed with gzip, zstd, xz, lz4, bzip2 or lzma',
    cause,
  })
}
