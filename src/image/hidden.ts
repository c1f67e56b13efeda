import { posix } from 'node:path'

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'

/** Linux gives up on a path after as many symbolic links (path_resolution(7)). */
const MOST_LINKS = 40

export type Emitted = 'directory' | 'other' | { readonly link: string }

/** What the layers seen so far, from the top down, say about the names in those below. The root directory is the empty path. */
export class HiddenPaths {
  /** Paths that have been given out, with what is there: a directory, a symbolic link by its target, or something else. */
  readonly #emitted = new Map<string, Emitted>()
  /** Objects that are not directories and deleted names: in lower layers neither they nor what is below them is visible. */
  readonly #replaced = new Set<string>()
  /** Directories of which lower layers' content is not visible. */
  readonly #opaque = new Set<string>()
  // Whiteouts do not act on their own layer (OCI image-spec, layer.md "Whiteouts"), so they are set aside until it has been read.
  #replacedHere: string[] = []
  #opaqueHere: string[] = []

  has(path: string): boolean {
    if (this.#emitted.has(path) || this.#replaced.has(path)) return true
    for (const ancestor of ancestors(path)) if (this.#replaced.has(ancestor) || this.#opaque.has(ancestor)) return true
    return false
  }

  /** The path has been given out: whatever else has this name is not. */
  emit(path: string, what: Emitted): void {
    this.#emitted.set(path, what)
  }

  /**
   * What has been given out above the path and keeps it from being unpacked in the tree: something that is no directory, or a symbolic link that leads
   * out of the tree. Below a link that stays in the tree the path is where it leads to.
   */
  obstacle(path: string): string | undefined {
    if (!this.#isBelowSomethingElse(path)) return undefined
    let here = ''
    let names = path.split('/')
    for (let links = 0; names.length > 1;) {
      const [name = '', ...rest] = names
      const at = name === '..' ? posix.dirname(here) : posix.join(here, name)
      const what = this.#emitted.get(at) ?? 'directory'
      names = rest
      if (name === '..' && here === '') return path
      if (what === 'directory') here = at === '.' ? '' : at
      else if (what === 'other' || what.link.startsWith('/') || ++links > MOST_LINKS) return at
      else names = [...what.link.split('/').filter((step) => step !== '' && step !== '.'), ...rest]
    }
    return undefined
  }

  #isBelowSomethingElse(path: string): boolean {
    for (const ancestor of ancestors(path)) if ((this.#emitted.get(ancestor) ?? 'directory') !== 'directory') return true
    return false
  }

  /** This layer has something else than a directory here. */
  replace(path: string): void {
    this.#replacedHere.push(path)
  }

  /** Notes what a whiteout hides. @returns false when the path is none */
  whiteout(path: string): boolean {
    const nameAt = path.lastIndexOf('/') + 1
    const name = path.slice(nameAt)
    if (!name.startsWith(WHITEOUT)) return false
    const directory = path.slice(0, Math.max(nameAt - 1, 0))
    const deleted = name.slice(WHITEOUT.length)
    if (name === OPAQUE) this.#opaqueHere.push(directory)
    // Other names with the prefix twice are notes that aufs kept for itself; a dot or two would delete the directory itself or the one above.
    else if (!deleted.startsWith(WHITEOUT) && !['', '.', '..'].includes(deleted)) this.replace(path.slice(0, nameAt) + deleted)
    return true
  }

  leaveLayer(): void {
    for (const path of this.#replacedHere) this.#replaced.add(path)
    for (const path of this.#opaqueHere) this.#opaque.add(path)
    this.#replacedHere = []
    this.#opaqueHere = []
  }
}

function* ancestors(path: string): Iterable<string> {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) yield path.slice(0, slash)
  if (path !== '') yield ''
}
