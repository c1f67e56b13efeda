import type { Device, Entry } from '../archive/entry.js'
import { walk, type TreeNode } from '../archive/tree.js'
import { LinuxkitError } from '../base/errors.js'

/** Longest name and target of a symbolic link in bytes, without a NUL (Linux, include/uapi/linux/limits.h). */
const NAME_MAX = 255
const PATH_MAX = 4095

/** Users and groups have 32 bits; the last number stands for none (chown(2)). */
const ID_MAX = 0xfffffffe

/** A device's number as Linux's file systems keep it on disk (include/linux/kdev_t.h, new_encode_dev). */
export function deviceNumber({ major, minor }: Device): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
}

/** How many names the objects have that have more than one. */
export function countLinks(tree: TreeNode): ReadonlyMap<Entry, number> {
  const seen = new Set<Entry>()
  const links = new Map<Entry, number>()
  for (const { node } of walk(tree)) {
    if (node.children !== undefined) continue
    if (seen.has(node.entry)) links.set(node.entry, (links.get(node.entry) ?? 1) + 1)
    seen.add(node.entry)
  }
  return links
}

/** Links to a directory: its name, its `.`, and the `..` of each directory in it. */
export function directoryLinks(children: readonly TreeNode[]): number {
  return children.reduce((count, child) => count + (child.children === undefined ? 0 : 1), 2)
}

/** @throws {LinuxkitError} `disk/unsupported` for what Linux cannot have in a file system */
export function checkInode({ name, entry }: TreeNode): void {
  if (Buffer.byteLength(name) > NAME_MAX) throw unsupported(entry, `its name has more than ${NAME_MAX} bytes`)
  if (Buffer.byteLength(entry.link) > PATH_MAX) throw unsupported(entry, `the path that it leads to has more than ${PATH_MAX} bytes`)
  if (Math.max(entry.uid, entry.gid) > ID_MAX) throw unsupported(entry, `its owner ${entry.uid}:${entry.gid} is not one of Linux's`)
  const { major, minor } = entry.device
  if (major >= 1 << 12 || minor >= 1 << 20) throw unsupported(entry, `the device number ${major}:${minor} is not one of Linux's`)
}

export function unsupported(entry: Entry, reason: string): LinuxkitError {
  return new LinuxkitError('disk/unsupported', `"${entry.path}" cannot be put into a file system: ${reason}`)
}
