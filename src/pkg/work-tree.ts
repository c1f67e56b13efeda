import { dirname, relative, sep } from 'node:path'
import { exists } from '../base/files.js'
import { isDirty, treeHash, type Git } from './tree-hash.js'

/** What git says of a whole work tree at `HEAD`. */
interface Snapshot {
  /** Object names of all directories by their paths, relative to the root; the root itself has the empty path. */
  readonly trees: ReadonlyMap<string, string>
  /** Paths that differ from `HEAD` or are new, relative to the root; a new directory ends in a slash. */
  readonly changes: readonly string[]
}

/**
 * Answers for many directories of a work tree with a few calls of git: starting a process takes longer than all that git has to do.
 * The answers are those of the time of the first question, so a new one is made for each load of packages.
 */
export class WorkTrees {
  readonly #snapshots = new Map<string, Promise<Snapshot>>()
  readonly #roots = new Map<string, Promise<string | undefined>>()

  /** Whether a directory lies in a work tree at all. */
  async contains(git: Git, path: string): Promise<boolean> {
    return (await this.#locate(git, path).catch(() => undefined)) !== undefined || git.isInside()
  }

  /** The object name of the tree that `HEAD` has at a directory. @throws {LinuxkitError} as {@link treeHash} does */
  async treeHash(git: Git, path: string): Promise<string> {
    const place = await this.#locate(git, path)
    return place?.snapshot.trees.get(place.inside) ?? treeHash(git, path, 'HEAD')
  }

  /** Whether the work tree below a directory differs from `HEAD`: changed, staged, or new files that are not ignored. */
  async isDirty(git: Git, path: string): Promise<boolean> {
    const place = await this.#locate(git, path)
    if (place === undefined) return isDirty(git, path)
    const { inside, snapshot } = place
    const below = inside === '' ? '' : `${inside}/`
    return snapshot.changes.some(
      (change) => change === inside || change.startsWith(below) || (change.endsWith('/') && below.startsWith(change)),
    )
  }

  /** The work tree that a directory lies in; undefined when that cannot be told from the path, as with symbolic links on the way. */
  async #locate(git: Git, path: string): Promise<{ readonly inside: string; readonly snapshot: Snapshot } | undefined> {
    const root = await this.#rootOf(git, path)
    if (root === undefined || (path !== root && !path.startsWith(root + sep))) return undefined
    const snapshot = this.#snapshots.get(root) ?? takeSnapshot(git)
    this.#snapshots.set(root, snapshot)
    return { inside: relative(root, path).split(sep).join('/'), snapshot: await snapshot }
  }

  /** A directory without a `.git` of its own lies in the work tree of the one above it. */
  async #rootOf(git: Git, path: string): Promise<string | undefined> {
    const above = dirname(path)
    if (above === path) return undefined
    const known = this.#roots.get(path) ?? exists(`${path}/.git`).then((own) => (own ? git.root() : this.#rootOf(git, above)))
    this.#roots.set(path, known)
    return known
  }
}

async function takeSnapshot(git: Git): Promise<Snapshot> {
  const [root, listing, status] = await Promise.all([
    git.run('rev-parse', 'HEAD^{tree}'),
    git.run('ls-tree', '-r', '-d', '-z', '--full-tree', 'HEAD'),
    git.run('status', '--porcelain=v1', '-z', '--untracked-files=normal', '--no-renames'),
  ])
  const trees = new Map([['', root.trim()]])
  for (const line of listing.split('\0')) {
    const [, hash, path] = /^\d+ tree ([0-9a-f]+)\t(.*)$/s.exec(line) ?? []
    if (hash !== undefined && path !== undefined) trees.set(path, hash)
  }
  const changes = status.split('\0').flatMap((line) => (line === '' ? [] : line.slice(3)))
  return { trees, changes }
}
