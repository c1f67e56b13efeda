import { posix } from 'node:path'
import { LinuxkitError } from '../base/errors.js'
import { entry, type Entry } from './entry.js'
import { cleanPath } from './path.js'

/** An object of a file tree, in its place. Hard links are nodes that share one `entry`: it stands for the inode. */
export interface TreeNode {
  /** Empty for the root. */
  readonly name: string
  /** Of any type but `hardlink`. The path is that under which it was put in first. */
  readonly entry: Entry
  /** What is in a directory, in the order of the names' bytes; undefined for what is not a directory. */
  readonly children: readonly TreeNode[] | undefined
}

interface Growing {
  readonly name: string
  entry: Entry
  children: Map<string, Growing> | undefined
}

/** Linux gives up on a path after as many symbolic links (path_resolution(7)). */
const MOST_LINKS = 40

/**
 * The tree that unpacking the entries one after another leaves, as the kernel does with an initramfs: parents may be symbolic links to directories that
 * are there already, later entries replace earlier ones (init/initramfs.c, clean_path), but a directory that is there already keeps what is in it, and stays when
 * anything else comes in its place while it is not empty. Missing parents are root's, mode 0755.
 * @throws {LinuxkitError} `archive/outside-root`; `archive/dangling-link` for a hard link whose target is not there; `archive/not-a-directory`
 */
export function buildTree(entries: Iterable<Entry>): TreeNode {
  const root: Growing = { name: '', entry: entry({ path: '', type: 'directory' }), children: new Map() }
  for (const one of entries) put(root, one)
  return finish(root)
}

/** Every node with its path, a directory before what is in it; the root's path is empty. */
export function* walk(node: TreeNode, path = ''): Iterable<{ readonly path: string; readonly node: TreeNode }> {
  yield { path, node }
  for (const child of node.children ?? []) yield* walk(child, path === '' ? child.name : `${path}/${child.name}`)
}

function put(root: Growing, one: Entry): void {
  const path = cleanPath(one.path)
  if (path === '') {
    if (one.type === 'directory') root.entry = { ...one, path }
    return
  }
  const { directory, name } = findParent(root, path)
  const present = directory.children?.get(name)
  if (one.type === 'directory' && present?.children !== undefined) {
    present.entry = { ...one, path }
    return
  }
  if (present?.children !== undefined && present.children.size > 0) return
  const object = one.type === 'hardlink' ? target(root, one) : { ...one, path }
  directory.children?.set(name, { name, entry: object, children: object.type === 'directory' ? new Map() : undefined })
}

function target(root: Growing, link: Entry): Entry {
  const found = lookUp(root, cleanPath(link.link))
  if (found !== undefined && found.children === undefined) return found.entry
  throw new LinuxkitError('archive/dangling-link', `"${link.path}" is a hard link to "${link.link}", which is not there`)
}

/** The directory that a path lies in, which is made when it is missing, and the last name of the path. */
function findParent(root: Growing, path: string): { readonly directory: Growing; readonly name: string } {
  let directory = root
  let names = path.split('/')
  let here = ''
  for (let links = 0; names.length > 1;) {
    const [name = '', ...rest] = names
    const at = posix.join(here, name)
    let next = directory.children?.get(name)
    if (next === undefined) {
      next = { name, entry: entry({ path: at, type: 'directory' }), children: new Map() }
      directory.children?.set(name, next)
    }
    if (next.children !== undefined) {
      directory = next
      here = at
      names = rest
      continue
    }
    if (next.entry.type !== 'symlink' || ++links > MOST_LINKS) {
      throw new LinuxkitError('archive/not-a-directory', `"${path}" cannot be put below "${at}", which is no directory`)
    }
    names = [...destination(here, next.entry.link), ...rest]
    directory = root
    here = ''
  }
  return { directory, name: names[0] ?? '' }
}

/** What is at a path, a symbolic link at its end itself. */
function lookUp(root: Growing, path: string): Growing | undefined {
  let found: Growing | undefined = root
  let names = path.split('/').filter((name) => name !== '')
  let here = ''
  for (let links = 0; names.length > 0;) {
    const [name = '', ...rest] = names
    found = found?.children?.get(name)
    if (found === undefined) return undefined
    if (found.entry.type === 'symlink' && rest.length > 0) {
      if (++links > MOST_LINKS) return undefined
      names = [...destination(here, found.entry.link), ...rest]
      found = root
      here = ''
      continue
    }
    here = posix.join(here, name)
    names = rest
  }
  return found
}

/** The names that lead to where a symbolic link in a directory points to; above the root there is only the root (path_resolution(7)). */
function destination(directory: string, link: string): string[] {
  return posix
    .resolve(`/${directory}`, link)
    .split('/')
    .filter((name) => name !== '')
}

function finish({ name, entry: object, children }: Growing): TreeNode {
  const sorted = children && [...children.values()].map((child) => ({ child, bytes: Buffer.from(child.name) }))
  sorted?.sort((a, b) => Buffer.compare(a.bytes, b.bytes))
  return { name, entry: object, children: sorted?.map(({ child }) => finish(child)) }
}
