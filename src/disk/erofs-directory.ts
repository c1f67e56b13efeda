/** Directories are in blocks of so many bytes, each complete by itself; it is also the size of a block of the file system. */
export const BLOCK_SIZE = 4096

/** A name in a directory: what it names is known by its inode's number and type. */
export interface ErofsName {
  readonly name: Buffer
  readonly nid: number
  readonly type: number
}

const ENTRY_SIZE = 12

/** Size in bytes of a directory with these names, in the order of their bytes; `.` and `..` are among them. */
export function directorySize(names: readonly Buffer[]): number {
  let size = 0
  for (const { used } of blocks(names.map((name) => name.length))) size = Math.ceil(size / BLOCK_SIZE) * BLOCK_SIZE + used
  return size
}

/** A directory (Linux, fs/erofs/erofs_fs.h, struct erofs_dirent): in each block first the entries, then their names. */
export function encodeDirectory(names: readonly ErofsName[]): Buffer {
  const bytes = Buffer.alloc(directorySize(names.map(({ name }) => name)))
  let start = 0
  for (const { from, to } of blocks(names.map(({ name }) => name.length))) {
    const listed = names.slice(from, to)
    let nameOffset = listed.length * ENTRY_SIZE
    for (const [index, { name, nid, type }] of listed.entries()) {
      const at = start + index * ENTRY_SIZE
      bytes.writeBigUInt64LE(BigInt(nid), at)
      bytes.writeUInt16LE(nameOffset, at + 8)
      bytes.writeUInt8(type, at + 10)
      bytes.set(name, start + nameOffset)
      nameOffset += name.length
    }
    start += BLOCK_SIZE
  }
  return bytes
}

/** Which names share a block, and how many of its bytes they use. */
function* blocks(lengths: readonly number[]): Iterable<{ readonly from: number; readonly to: number; readonly used: number }> {
  let from = 0
  let used = 0
  for (const [index, length] of lengths.entries()) {
    if (used + ENTRY_SIZE + length > BLOCK_SIZE) {
      yield { from, to: index, used }
      from = index
      used = 0
    }
    used += ENTRY_SIZE + length
  }
  yield { from, to: lengths.length, used }
}
