import { crc32 } from 'node:zlib'
import { bytesContent, concatContents, type Content } from '../base/content.js'

/** Kinds of files that U-Boot boots from (U-Boot, include/image.h, `IH_TYPE_*`). */
const TYPES = { kernel: 2, ramdisk: 3, script: 6 } as const

/** How U-Boot unpacks the file (`IH_COMP_*`). */
const COMPRESSIONS = { none: 0, gzip: 1 } as const

const MAGIC = 0x27051956
const LINUX = 5
const ARM64 = 22
const HEADER_SIZE = 64
const LONGEST_NAME = 31

export interface UImageOptions {
  readonly type: keyof typeof TYPES
  readonly compression: keyof typeof COMPRESSIONS
  /** At most 31 ASCII characters. */
  readonly name: string
  /** Where in memory the file is unpacked to, and started. */
  readonly address: number
  /** When it was made, in seconds since 1970. */
  readonly time: number
}

/** A file for U-Boot on arm64, in its first format (U-Boot, include/image.h, `struct legacy_img_hdr`). The content is read once for its checksum. */
export async function uImage(content: Content, options: UImageOptions): Promise<Content> {
  const { type, compression, name, address, time } = options
  if (name.length > LONGEST_NAME) throw new Error(`the name "${name}" of a file for U-Boot is too long`)
  let checksum = 0
  for await (const chunk of content.open()) checksum = crc32(chunk, checksum)
  const header = Buffer.alloc(HEADER_SIZE)
  const numbers = [MAGIC, 0, time, content.size, address, address, checksum]
  for (const [index, number] of numbers.entries()) header.writeUInt32BE(number, index * 4)
  header.set([LINUX, ARM64, TYPES[type], COMPRESSIONS[compression]], 28)
  header.write(name, 32, 'latin1')
  header.writeUInt32BE(crc32(header), 4)
  return concatContents([bytesContent(header), content])
}

/** A script for U-Boot, which has a table of sizes before its text. */
export function uBootScript(text: string, options: Pick<UImageOptions, 'name' | 'time'>): Promise<Content> {
  const bytes = Buffer.from(text)
  const table = Buffer.alloc(8)
  table.writeUInt32BE(bytes.length)
  return uImage(bytesContent(Buffer.concat([table, bytes])), { ...options, type: 'script', compression: 'none', address: 0 })
}
