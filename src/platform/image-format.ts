import { open, type FileHandle } from 'node:fs/promises'

/** A disk, by QEMU's name of its format. */
export type DiskFormat = 'raw' | 'qcow2' | 'vpc' | 'vmdk'

/** What an image file is: a CD, a disk, a program that EFI starts, or something that gzip packed. */
export type ImageFormat = DiskFormat | 'iso' | 'efi-program' | 'gzip'

interface Magic {
  readonly format: ImageFormat
  /** In bytes; from the end of the file when negative. */
  readonly offset: number
  readonly bytes: Buffer
}

const VHD_FOOTER_SIZE = 512

/**
 * Where the formats have what tells them from others: QEMU's docs/interop/qcow2.txt, "Virtual Disk Format 5.0" (VMDK), RFC 1952, "Virtual Hard Disk Image
 * Format Specification" (a copy of the footer begins a dynamic disk; a fixed one has it at the end only), ECMA-119 section 8.1 in sector 16.
 * A boot record (UEFI 2.10, section 5.2.1) is the last: a CD may have one too, and contents of a fixed VHD do.
 */
const MAGICS: readonly Magic[] = [
  { format: 'qcow2', offset: 0, bytes: Buffer.from('QFI\xfb', 'latin1') },
  { format: 'vmdk', offset: 0, bytes: Buffer.from('KDMV') },
  { format: 'gzip', offset: 0, bytes: Buffer.of(0x1f, 0x8b) },
  { format: 'vpc', offset: 0, bytes: Buffer.from('conectix') },
  { format: 'vpc', offset: -VHD_FOOTER_SIZE, bytes: Buffer.from('conectix') },
  { format: 'iso', offset: 16 * 2048 + 1, bytes: Buffer.from('CD001') },
  { format: 'raw', offset: 510, bytes: Buffer.of(0x55, 0xaa) },
]

/** Where an EFI program says where its header begins (Microsoft PE format, "MS-DOS Stub"). */
const PE_OFFSET_FIELD = 0x3c

/** Reads as many bytes as there are, up to `length`. */
export async function readBytes(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset)
  return buffer.subarray(0, bytesRead)
}

async function isEfiProgram(file: FileHandle): Promise<boolean> {
  const start = await readBytes(file, 0, PE_OFFSET_FIELD + 4)
  if (start.length < PE_OFFSET_FIELD + 4 || start.toString('latin1', 0, 2) !== 'MZ') return false
  return (await readBytes(file, start.readUInt32LE(PE_OFFSET_FIELD), 4)).toString('latin1') === 'PE\0\0'
}

/**
 * Tells what an image is by its bytes; its name does not count.
 * @returns undefined when it is none of the formats
 */
export async function recogniseImage(path: string): Promise<ImageFormat | undefined> {
  await using file = await open(path)
  // A kernel that EFI can start also has the signature of a boot record.
  if (await isEfiProgram(file)) return 'efi-program'
  const { size } = await file.stat()
  for (const { format, offset, bytes } of MAGICS) {
    const start = offset < 0 ? size + offset : offset
    if (start >= 0 && (await readBytes(file, start, bytes.length)).equals(bytes)) return format
  }
  return undefined
}
