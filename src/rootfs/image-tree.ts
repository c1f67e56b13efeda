import { posix } from 'node:path'
import { textContent } from '../base/content.js'
import { entry, FIXED_TIME, type Entry } from '../archive/entry.js'
import type { CachedImage } from '../image/cached-image.js'
import { flattenImage } from '../image/flatten.js'

/** What a tree gets as its resolver configuration: a container its own empty file, the root a link to where DHCP clients write. */
export type ResolverFile = 'text' | 'symlink'

/** Objects that a container engine leaves behind in images; the booted system makes its own. */
const EXCLUDED: ReadonlySet<string> = new Set(['.dockerenv', 'Dockerfile', 'dev/console', 'dev/pts', 'dev/shm', 'etc/hostname'])

/** Files that the tree has of its own. What an image has below them, as directories, cannot stay. */
const REPLACED = ['etc/hosts', 'etc/resolv.conf']

const HOSTS = textContent(
  [
    '127.0.0.1       localhost',
    '::1     localhost ip6-localhost ip6-loopback',
    'fe00::0 ip6-localnet',
    'ff00::0 ip6-mcastprefix',
    'ff02::1 ip6-allnodes',
    'ff02::2 ip6-allrouters',
    '',
  ].join('\n'),
)

const NO_RESOLVER = textContent('\n# no resolv.conf configured\n')

function hostsFile(path: string): Entry {
  return entry({ path, type: 'file', content: HOSTS })
}

function resolverFile(path: string, kind: ResolverFile): Entry {
  return kind === 'text'
    ? entry({ path, type: 'file', content: NO_RESOLVER })
    : entry({ path, type: 'symlink', mode: 0o644, link: '/run/resolvconf/resolv.conf' })
}

/** A replacement with owner and permissions of the file that it replaces. */
function ownedAs({ type, mode, uid, gid, userName, groupName }: Entry, replacement: Entry): Entry {
  return type === 'file' ? { ...replacement, mode, uid, gid, userName, groupName } : replacement
}

/** The directories of a path, outermost first: `a`, `a/b`, `a/b/c`. */
export function* directories(path: string): Iterable<Entry> {
  const names = path.split('/').filter((name) => name !== '')
  for (let depth = 1; depth <= names.length; depth++) yield entry({ path: names.slice(0, depth).join('/'), type: 'directory' })
}

/** Mount points and files that every root and container finds in place, whether its image has them or not. */
function* fixtures(prefix: string, resolver: ResolverFile, hasMtab: boolean): Iterable<Entry> {
  for (const name of ['dev', 'dev/pts', 'dev/shm', 'etc']) yield entry({ path: prefix + name, type: 'directory' })
  yield hostsFile(`${prefix}etc/hosts`)
  if (!hasMtab) yield entry({ path: `${prefix}etc/mtab`, type: 'symlink', mode: 0o755, link: '/proc/mounts' })
  yield resolverFile(`${prefix}etc/resolv.conf`, resolver)
  for (const name of ['proc', 'sys']) yield entry({ path: prefix + name, type: 'directory' })
}

/**
 * The tree of an image under a prefix, with the files that belong to the machine and not to the image taken out or replaced.
 * @param prefix empty, or a path that ends in `/`; its directories come first
 */
export async function* imageTree(image: CachedImage, prefix: string, resolver: ResolverFile, signal: AbortSignal): AsyncIterable<Entry> {
  yield* directories(prefix)
  let hasMtab = false
  for await (const one of flattenImage(image, signal)) {
    if (EXCLUDED.has(one.path) || REPLACED.some((path) => one.path.startsWith(`${path}/`))) continue
    if (one.path === 'etc/hosts') yield ownedAs(one, hostsFile(`${prefix}etc/hosts`))
    else if (one.path === 'etc/resolv.conf') yield ownedAs(one, resolverFile(`${prefix}etc/resolv.conf`, resolver))
    else {
      if (one.path === 'etc/mtab') hasMtab = true
      yield {
        ...one,
        path: prefix + one.path,
        link: one.type === 'hardlink' && prefix !== '' ? posix.join(prefix, one.link) : one.link,
        mtime: one.path === 'etc/mtab' ? FIXED_TIME : one.mtime,
      }
    }
  }
  yield* fixtures(prefix, resolver, hasMtab)
}
