import { EMPTY, type Content } from '../base/content.js'

export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo'

export interface Device {
  readonly major: number
  readonly minor: number
}

/** Seconds since 1970, and nanoseconds beyond them (0 to 999999999). */
export interface Timestamp {
  readonly seconds: number
  readonly nanoseconds: number
}

/** One object of a file tree, with everything a tar header can say about it. */
export interface Entry {
  /** As it stands in the archive; whoever reads archives of strangers cleans it. */
  readonly path: string
  readonly type: EntryType
  /** Permission bits with set-uid, set-gid and sticky: the low 12 bits of `st_mode`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly userName: string
  readonly groupName: string
  readonly mtime: Timestamp
  /** Target of a symbolic or hard link; empty for other types. */
  readonly link: string
  /** Numbers of a character or block device; 0:0 for other types. */
  readonly device: Device
  /** Extended attributes, name to value (`security.capability`). */
  readonly xattrs: ReadonlyMap<string, Uint8Array>
  /** PAX records that none of the other members hold (`LINUXKIT.source`, vendor records), verbatim. */
  readonly pax: ReadonlyMap<string, string>
  /** Empty for all but files. */
  readonly content: Content
}

/** Time of everything that a build makes itself: 2017-04-18T16:30:00Z, as LinuxKit's builds have it. */
export const FIXED_TIME: Timestamp = { seconds: 1492533000, nanoseconds: 0 }

const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map()
const NO_PAX: ReadonlyMap<string, string> = new Map()

/** An entry from the members that matter: owner root, {@link FIXED_TIME}, no content, mode 0755 for directories and 0644 for others. */
export function entry(members: Partial<Entry> & Pick<Entry, 'path' | 'type'>): Entry {
  return {
    mode: members.type === 'directory' ? 0o755 : members.type === 'symlink' ? 0o777 : 0o644,
    uid: 0,
    gid: 0,
    userName: '',
    groupName: '',
    mtime: FIXED_TIME,
    link: '',
    device: { major: 0, minor: 0 },
    xattrs: NO_XATTRS,
    pax: NO_PAX,
    content: EMPTY,
    ...members,
  }
}
