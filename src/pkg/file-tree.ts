import { posix } from 'node:path'
import { entry, FIXED_TIME, type Entry } from '../archive/entry.js'
import { cleanPath } from '../archive/path.js'
import { TAR_END, writeTar } from '../archive/tar-writer.js'
import { LinuxkitError } from '../base/errors.js'
import { EMPTY, type Content } from '../base/content.js'

/** Linux gives up on a path after as many symbolic links (path_resolution(7)). */
const MAX_LINKS = 40

/**
 * The root of an image in the making: entries by their clean path, each path once. Entries are put in as an unpacking program would,
 * that is, through symbolic links to directories that are there already, so that `lib/x` lands in `usr/lib/x` when `lib` is such a link.
 */
export class FileTree {
  readonly #entries = new Map<string, Entry>()

  get paths(): readonly string[] {
    return [...this.#entries.keys()].sort(byName)
  }

  get(path: string): Entry | undefined {
    return this.#entries.get(path)
  }

  /**
   * Puts in an entry, and the directories above it that are missing: root's, mode 0755. A directory leaves a symbolic link to a directory alone, as dpkg does; everything else replaces what was there.
   * Hard links become files with the content of their target, which must be there.
   * @throws {LinuxkitError} `archive/outside-root`, `archive/dangling-link`, `pkg/not-a-directory`, `pkg/link-loop`
   */
  add(one: Entry): void {
    const path = this.#throughLinks(cleanPath(one.path))
    if (path === '') return
    const present = this.#entries.get(path)
    if (one.type === 'directory') {
      if (present?.type === 'symlink' && this.#leadsToDirectory(path)) return
    } else if (present?.type === 'directory') this.remove(path)
    this.#addParents(path)
    this.#entries.set(path, { ...this.#resolved(one), path, userName: '', groupName: '', mtime: FIXED_TIME, pax: new Map() })
  }

  /** Removes an entry and everything below it. */
  remove(path: string): void {
    this.#entries.delete(path)
    for (const other of this.#entries.keys()) if (other.startsWith(`${path}/`)) this.#entries.delete(other)
  }

  /** Removes what does not pass, except directories that lead to something that does. */
  filter(stays: (path: string) => boolean): void {
    const needed = new Set<string>()
    for (const path of this.#entries.keys()) {
      if (!stays(path)) continue
      for (let above = posix.dirname(path); above !== '.' && !needed.has(above); above = posix.dirname(above)) needed.add(above)
    }
    for (const path of this.#entries.keys()) if (!needed.has(path) && !stays(path)) this.#entries.delete(path)
  }

  /** Where a path leads to when all symbolic links on the way are followed; undefined when nothing is there. */
  resolve(path: string): Entry | undefined {
    let current = this.#throughLinks(cleanPath(path))
    for (let links = 0; links < MAX_LINKS; links++) {
      const found = this.#entries.get(current)
      if (found?.type !== 'symlink') return found
      current = this.#throughLinks(linkTarget(current, found.link))
    }
    return undefined
  }

  /**
   * The entries in the order of their paths, each directory before what is in it.
   * Files that share one content are hard links to the first of them.
   */
  *entries(): Iterable<Entry> {
    const first = new Map<Content, Entry>()
    for (const [, one] of [...this.#entries].sort(([a], [b]) => byName(a, b))) {
      const same = one.type === 'file' && one.content !== EMPTY ? first.get(one.content) : undefined
      if (same !== undefined && same.mode === one.mode && same.uid === one.uid && same.gid === one.gid) {
        yield { ...one, type: 'hardlink', link: same.path, content: EMPTY }
        continue
      }
      if (one.type === 'file') first.set(one.content, one)
      yield one
    }
  }

  /** The tree as a whole tar archive. */
  async *tar(): AsyncIterable<Uint8Array> {
    yield* writeTar(tarEntries(this.entries()))
    yield TAR_END
  }

  #addParents(path: string): void {
    for (let above = posix.dirname(path); above !== '.'; above = posix.dirname(above)) {
      const present = this.#entries.get(above)
      if (present?.type === 'directory') return
      if (present !== undefined)
        throw new LinuxkitError('pkg/not-a-directory', `"${path}" cannot be put below "${above}", which is no directory`)
      this.#entries.set(above, entry({ path: above, type: 'directory' }))
    }
  }

  #resolved(one: Entry): Entry {
    if (one.type !== 'hardlink') return one
    const target = this.#entries.get(this.#throughLinks(cleanPath(one.link)))
    if (target !== undefined && target.type !== 'directory') return target
    throw new LinuxkitError('archive/dangling-link', `"${one.path}" is a hard link to "${one.link}", which is not there`)
  }

  #leadsToDirectory(path: string): boolean {
    const target = this.resolve(path)
    // A link of the merged root comes before the directory that it leads to.
    return target === undefined || target.type === 'directory'
  }

  /** The path with symbolic links among its parents followed. */
  #throughLinks(path: string): string {
    let done = ''
    let waiting = path.split('/')
    for (let links = 0; waiting.length > 1;) {
      done = posix.join(done, waiting[0] ?? '')
      waiting = waiting.slice(1)
      const found = this.#entries.get(done)
      if (found?.type !== 'symlink') continue
      if (++links > MAX_LINKS) throw new LinuxkitError('pkg/link-loop', `"${path}" leads through too many symbolic links`)
      waiting = [...linkTarget(done, found.link).split('/'), ...waiting]
      done = ''
    }
    return posix.join(done, waiting[0] ?? '')
  }
}

/** The path that a symbolic link means. Above the root there is only the root (path_resolution(7)). */
function linkTarget(path: string, link: string): string {
  return posix.resolve(`/${posix.dirname(path)}`, link).slice(1)
}

/** Code unit order; `a` comes before `a/b`, so directories before what is in them. */
function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Names of directories end in a slash, as every tar writes them (POSIX pax, "ustar Interchange Format"). */
async function* tarEntries(entries: Iterable<Entry>): AsyncIterable<Entry> {
  for (const one of entries) yield one.type === 'directory' ? { ...one, path: `${one.path}/` } : one
}
