import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { array, constantFrom, nat, record, tuple, type Arbitrary } from 'fast-check'
import { entry, type Entry } from '../archive/entry.js'
import { tarContent } from '../archive/tar-writer.js'
import { run } from '../archive/test-support.js'
import { bytesContent, readContent } from '../base/content.js'

/** Only root can make devices and give files away; others get files as their own, and not with every mode. */
const isRoot = process.getuid?.() === 0
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

/** Sizes about the borders of blocks, and some below them. */
const SIZES = [0, 1, 5, 2000, 4032, 4033, 4095, 4096, 4097, 8192, 9000, 131071, 131072, 131073, 300000]

const LARGEST = 300000
/** Compressible, incompressible, zeros after a while, all zeros. */
const SAMPLES = [
  Buffer.alloc(LARGEST).map((_, at) => at % 251),
  Buffer.alloc(LARGEST).map((_, at) => Math.imul(at * at + 7, 0x9e3779b1) >>> 24),
  Buffer.alloc(LARGEST).fill('x', 0, 140000),
  Buffer.alloc(LARGEST),
]

/** The same few contents again and again. */
function sample(size: number, kind: number): Uint8Array {
  return (SAMPLES[kind] ?? Buffer.alloc(0)).subarray(0, size)
}

const object = record({
  parent: nat(7),
  name: constantFrom('a', 'B', '-', ' ', 'é', '\u{1F600}', 'file.txt', 'ab', '!x', 'n'.repeat(200)),
  kind: constantFrom('directory', 'file', 'file', 'file', 'symlink', 'hardlink', 'fifo', ...(isRoot ? ['character', 'block'] : [])),
  permissions: isRoot ? nat(0o7777) : nat(0o777).map((mode) => mode | 0o600),
  owners: isRoot
    ? tuple(constantFrom(0, 1, 65534, 65536, 4000000000), constantFrom(0, 5, 70000))
    : constantFrom<[number, number]>([self.uid, self.gid]),
  seconds: constantFrom(0, 1, 1492533000, 4294967295),
  size: constantFrom(...SIZES),
  sample: nat(3),
  xattrs: array(
    tuple(constantFrom('user.a', 'user.long', ...(isRoot ? ['security.linuxkit', 'trusted.b'] : [])), constantFrom(0, 1, 20, 300)),
    {
      maxLength: 2,
    },
  ),
  minor: constantFrom(0, 3, 300),
})

/** Entries of every type, parents first, the root among them, as a tar can have them. */
export const someEntries: Arbitrary<readonly Entry[]> = array(object, { maxLength: 25 }).map((objects) => {
  const directories = ['']
  const files: string[] = []
  const taken = new Set<string>()
  const entries = [entry({ path: './', type: 'directory', mode: 0o751, ...self })]
  for (const { parent, name, kind, permissions, owners, seconds, size, sample: content, xattrs, minor } of objects) {
    const path = `${directories[parent % directories.length] ?? ''}${name}`
    if (taken.has(path)) continue
    taken.add(path)
    const [uid, gid] = owners
    const mode = kind === 'directory' ? permissions | 0o700 : kind === 'symlink' ? 0o777 : permissions
    const members = { path, mode, uid, gid, mtime: { seconds, nanoseconds: 0 } }
    const attributes = new Map(xattrs.map(([key, length]) => [key, sample(length, 1)]))
    switch (kind) {
      case 'directory':
        directories.push(`${path}/`)
        entries.push(entry({ ...members, type: 'directory', xattrs: attributes }))
        break
      case 'file':
        files.push(path)
        entries.push(entry({ ...members, type: 'file', content: bytesContent(sample(size, content)), xattrs: attributes }))
        break
      case 'symlink':
        entries.push(entry({ ...members, type: 'symlink', link: '../x'.repeat((size % 900) + 1) }))
        break
      case 'hardlink':
        if (files.length > 0) entries.push(entry({ path, type: 'hardlink', link: files[minor % files.length] ?? '' }))
        break
      case 'character':
      case 'block':
        entries.push(entry({ ...members, type: kind, device: { major: 8, minor } }))
        break
      default:
        entries.push(entry({ ...members, type: 'fifo' }))
    }
  }
  return entries
})

/**
 * What is seen of a tree on disk: one line for every object.
 * @param exactly with what `fsck.erofs --extract` does not bring back: which names are one object, and the bits set-uid, set-gid and sticky
 */
export function describeDirectory(root: string, exactly: boolean): readonly string[] {
  const lines: string[] = []
  const firstNames = new Map<number, string>()
  const visit = (path: string): void => {
    const at = join(root, path)
    const status = lstatSync(at)
    const same = status.isDirectory() || !exactly ? path : (firstNames.get(status.ino) ?? path)
    firstNames.set(status.ino, same)
    const data = status.isFile()
      ? `${status.size} ${createHash('sha256').update(readFileSync(at)).digest('hex')}`
      : status.isSymbolicLink()
        ? readlinkSync(at)
        : status.isDirectory() || status.isFIFO()
          ? ''
          : String(status.rdev)
    lines.push(
      [path, (exactly ? status.mode : status.mode & ~0o7000).toString(8), status.uid, status.gid, status.mtimeMs / 1000, same, data].join(
        ' ',
      ),
    )
    if (status.isDirectory()) for (const name of readdirSync(at).sort()) visit(path === '' ? name : `${path}/${name}`)
  }
  visit('')
  return lines
}

/** Extended attributes of all that is in a directory, as getfattr has them. */
export function describeXattrs(root: string): readonly string[] {
  const xattrs = run('sh', ['-c', 'cd "$0" && getfattr -R -P -h -d -m - -e hex .', root]).toString()
  return xattrs.split('\n\n').sort()
}

/** A directory that is gone at the end of its scope. */
export function scratchDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'linuxkit-disk-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** What GNU tar unpacks from the entries. */
export async function unpackTar(entries: readonly Entry[], directory: string): Promise<void> {
  run(
    'tar',
    ['-x', '-p', '--numeric-owner', '--delay-directory-restore', '--xattrs', '--xattrs-include=*', '-C', directory],
    await readContent(tarContent(entries)),
  )
}
