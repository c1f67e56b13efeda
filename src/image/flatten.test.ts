import { lstat, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { entry, type Entry } from '../archive/entry.js'
import { readEntries, run, type ReadEntry } from '../archive/test-support.js'
import { textContent } from '../base/content.js'
import { flattenImage } from './flatten.js'
import { findImage, storeImage, temporaryCache, temporaryDirectory } from './test-support.js'

const NAME = 'docker.io/linuxkit/test:v1'
const file = (path: string, text = path): Entry => entry({ path, type: 'file', content: textContent(text) })
const directory = (path: string, mode = 0o755): Entry => entry({ path, type: 'directory', mode })
const symlink = (path: string, link: string): Entry => entry({ path, type: 'symlink', link })
const hardlink = (path: string, link: string): Entry => entry({ path, type: 'hardlink', link })

async function flatten(...layers: readonly (readonly Entry[])[]): Promise<ReadEntry[]> {
  const cache = await temporaryCache()
  await storeImage(cache, NAME, layers)
  return readEntries(flattenImage(await findImage(cache, NAME), AbortSignal.timeout(30_000)))
}

/** `path`, `path -> link`, `path = link` for hard links, `path: content` for files. */
function shown(entries: readonly ReadEntry[]): readonly string[] {
  return entries.map(({ path, type, link, data }) => {
    if (type === 'directory') return `${path}/`
    if (type === 'symlink') return `${path} -> ${link}`
    return type === 'hardlink' ? `${path} = ${link}` : `${path}: ${data.toString()}`
  })
}

describe('flattenImage', () => {
  it('gives upper layers first, and each path once', async () => {
    const entries = await flatten(
      [directory('etc'), file('etc/a', 'lower'), file('etc/b')],
      [directory('etc', 0o700), file('etc/a', 'upper')],
    )
    expect(shown(entries)).toEqual(['etc/', 'etc/a: upper', 'etc/b: etc/b'])
    expect(entries[0]?.mode).toBe(0o700)
  })

  it('cleans paths and keeps the root', async () => {
    expect(shown(await flatten([directory('./'), directory('./bin/'), file('/bin//sh'), file('bin/../x')]))).toEqual([
      './',
      'bin/',
      'bin/sh: /bin//sh',
      'x: bin/../x',
    ])
  })

  it.each([
    ['a path', [file('../etc/passwd')], 'archive/outside-root'],
    ['the target of a hard link', [file('a'), hardlink('b', '../a')], 'archive/outside-root'],
    ['the root', [symlink('./', '/etc')], 'image/bad-root'],
  ])('refuses a layer in which %s is not within the root', async (_, entries, code) => {
    await expect(flatten(entries)).rejects.toMatchObject({ code })
  })

  it('deletes what whiteouts name in lower layers, not in their own', async () => {
    const entries = await flatten(
      [directory('d'), file('d/a'), file('b'), file('c', 'lower')],
      [file('.wh.d', ''), file('.wh.c', ''), file('c', 'upper')],
    )
    expect(shown(entries)).toEqual(['c: upper', 'b: b'])
  })

  it('empties opaque directories, the root too', async () => {
    const below = [directory('d'), file('d/a'), directory('d/e'), file('d/e/f'), file('x')]
    expect(shown(await flatten(below, [directory('d'), file('d/b'), file('d/.wh..wh..opq', '')]))).toEqual(['d/', 'd/b: d/b', 'x: x'])
    expect(shown(await flatten(below, [file('.wh..wh..opq', ''), file('y')]))).toEqual(['y: y'])
  })

  it('takes whiteouts that name no file for nothing', async () => {
    const odd = ['d/.wh.', 'd/.wh..', 'd/.wh...', 'd/.wh..wh.plnk'].map((path) => file(path, ''))
    expect(shown(await flatten([directory('d'), file('d/a')], odd))).toEqual(['d/', 'd/a: d/a'])
  })

  it('lets a file hide a directory of a lower layer, also when it was itself replaced', async () => {
    expect(shown(await flatten([directory('d'), file('d/a')], [file('d')]))).toEqual(['d: d'])
    expect(shown(await flatten([directory('d'), file('d/a')], [file('d')], [directory('d'), file('d/b')]))).toEqual(['d/', 'd/b: d/b'])
  })

  it('keeps members that only layers of images have', async () => {
    const xattrs = new Map([['security.capability', Buffer.from([1, 0, 0, 2])]])
    const [device, owned] = await flatten([
      entry({ path: 'null', type: 'character', mode: 0o666, device: { major: 1, minor: 3 } }),
      entry({ path: 'ping', type: 'file', mode: 0o4755, uid: 3_000_000, gid: 7, xattrs, content: textContent('x') }),
    ])
    expect(device).toMatchObject({ type: 'character', mode: 0o666, device: { major: 1, minor: 3 } })
    expect(owned).toMatchObject({ mode: 0o4755, uid: 3_000_000, gid: 7 })
    expect(owned?.xattrs.get('security.capability')).toEqual(Buffer.from([1, 0, 0, 2]))
  })

  it('stops when it is told to', async () => {
    const cache = await temporaryCache()
    await storeImage(cache, NAME, [[file('a')]])
    await expect(readEntries(flattenImage(await findImage(cache, NAME), AbortSignal.abort()))).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('finds a damaged layer, even when the damage is behind the end of the archive', async () => {
    const cache = await temporaryCache()
    await storeImage(cache, NAME, [[file('a')]])
    const image = await findImage(cache, NAME)
    const path = cache.blobs.path(image.manifest.layers[0]?.digest ?? 'sha256:')
    const bytes = await readFile(path)
    // The last byte of a gzip member is of its length field.
    for (const position of [20, bytes.length - 1]) {
      await writeFile(
        path,
        bytes.map((byte, index) => (index === position ? byte ^ 0xff : byte)),
      )
      await expect(readEntries(flattenImage(image, AbortSignal.timeout(30_000)))).rejects.toMatchObject({ code: 'image/corrupt-blob' })
    }
  })
})

describe('hostile layers', () => {
  const refused = { code: 'image/not-a-directory' }

  it('cannot lead out of the tree through a link, in whatever order its layers tell of it', async () => {
    const out = symlink('a', '../../../etc')
    await expect(flatten([out, file('a/passwd')])).rejects.toMatchObject(refused)
    await expect(flatten([out, directory('a/b')])).rejects.toMatchObject(refused)
    await expect(flatten([out, file('a/b/c/passwd')])).rejects.toMatchObject(refused)
    await expect(flatten([file('x'), hardlink('h', 'x'), file('h/y')])).rejects.toMatchObject(refused)
    // The link of the upper layer is written when its object is met, which is after "a".
    await expect(flatten([file('x')], [out], [hardlink('a/y', 'x'), file('.wh.x', '')])).rejects.toMatchObject(refused)
    const chain = [symlink('a', 'b/..'), symlink('b', 'c'), symlink('c', '..')]
    await expect(flatten([...chain, file('a/x')])).rejects.toMatchObject(refused)
    await expect(flatten([symlink('a', 'a'), file('a/x')])).rejects.toMatchObject(refused)
    await expect(flatten([symlink('a', '/etc'), file('a/x')])).rejects.toMatchObject(refused)
    expect(shown(await flatten([directory('a'), file('a/passwd')], [out]))).toEqual(['a -> ../../../etc'])
  })

  it('may go through a link that stays in the tree', async () => {
    const usr = [directory('usr'), directory('usr/lib'), symlink('lib', 'usr/lib')]
    expect(shown(await flatten([...usr, file('lib/x')])).at(-1)).toBe('lib/x: lib/x')
    expect(shown(await flatten([...usr, symlink('usr/lib/up', '../../lib'), file('usr/lib/up/x')])).at(-1)).toBe(
      'usr/lib/up/x: usr/lib/up/x',
    )
  })

  it('have each name once, and nothing below a file', async () => {
    await expect(flatten([file('a'), file('a/b')])).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('"a/b"') as string,
    })
    expect(shown(await flatten([directory('a'), file('a/b'), file('a')]))).toEqual(['a/', 'a/b: a/b'])
  })

  it.each(['../x', 'a/../../x', './../x'])('have no path %s', async (path) => {
    await expect(flatten([file(path)])).rejects.toMatchObject({
      code: 'archive/outside-root',
      message: expect.stringContaining(`layer 0 of ${NAME}`) as string,
    })
    await expect(flatten([hardlink('a', path)])).rejects.toThrow(`layer 0 of ${NAME}`)
  })

  it('have absolute paths below the root of the tree', async () => {
    expect(shown(await flatten([directory('/etc'), file('/etc/passwd'), hardlink('a', '/etc/passwd')]))).toEqual([
      'etc/',
      'etc/passwd: /etc/passwd',
      'a = etc/passwd',
    ])
  })
})

describe('hard links', () => {
  it('stay links within their layer, over chains too', async () => {
    expect(shown(await flatten([file('a'), hardlink('b', './a'), hardlink('c', '/b')]))).toEqual(['a: a', 'b = ./a', 'c = b'])
  })

  it('may come before their target', async () => {
    expect(shown(await flatten([hardlink('b', 'a'), file('a'), hardlink('c', 'b')]))).toEqual(['a: a', 'c = a', 'b = a'])
  })

  it('take over the content of a target that an upper layer replaced or deleted', async () => {
    const below = [file('a', 'old'), hardlink('b', 'a'), hardlink('c', 'b')]
    expect(shown(await flatten(below, [file('a', 'new')]))).toEqual(['a: new', 'b: old', 'c = b'])
    expect(shown(await flatten(below, [file('.wh.a', '')]))).toEqual(['b: old', 'c = b'])
    expect(shown(await flatten(below, [file('.wh.a', ''), file('.wh.b', '')]))).toEqual(['c: old'])
  })

  it('find their target in a lower layer, visible or hidden, itself a link or not', async () => {
    expect(shown(await flatten([file('a')], [hardlink('b', 'a')]))).toEqual(['a: a', 'b = a'])
    expect(shown(await flatten([file('a')], [hardlink('b', 'a')], [file('.wh.a', '')]))).toEqual(['b: a'])
    expect(shown(await flatten([file('x'), hardlink('a', 'x')], [], [hardlink('b', 'a')]))).toEqual(['x: x', 'a = x', 'b = x'])
    expect(shown(await flatten([file('x'), hardlink('a', 'x')], [file('.wh.x', '')], [file('.wh.a', ''), hardlink('b', 'a')]))).toEqual([
      'b: x',
    ])
  })

  it('to nothing are an error that names them', async () => {
    await expect(flatten([hardlink('b', 'a')])).rejects.toMatchObject({
      code: 'image/dangling-link',
      message: expect.stringContaining('"b" is a hard link to "a"'),
    })
    await expect(flatten([hardlink('a', 'b'), hardlink('b', 'c'), hardlink('c', 'a')])).rejects.toMatchObject({
      code: 'image/dangling-link',
    })
  })
})

/** Random layers as a container engine makes them: every object with its parents, no object below what is not a directory. */
const layersArbitrary = (() => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
  const change = fc.record({
    path,
    kind: fc.constantFrom('file', 'file', 'directory', 'symlink', 'whiteout', 'opaque', 'hardlink'),
    to: fc.nat(5),
  })
  return fc
    .array(fc.array(change, { maxLength: 8 }), { minLength: 1, maxLength: 4 })
    .map((layers) => layers.map((changes, number) => layerOf(changes, number)))
})()

function layerOf(changes: readonly { path: string; kind: string; to: number }[], number: number): readonly Entry[] {
  const entries = new Map<string, Entry>()
  const put = (one: Entry): void => {
    const parents = one.path
      .split('/')
      .slice(0, -1)
      .map((_, depth, parts) => parts.slice(0, depth + 1).join('/'))
    if (
      entries.has(one.path) ||
      parents.some((parent) => (entries.get(parent) ?? one).type !== (entries.has(parent) ? 'directory' : one.type))
    )
      return
    for (const parent of parents) if (!entries.has(parent)) entries.set(parent, directory(parent, 0o700 + number))
    entries.set(one.path, one)
  }
  for (const { path, kind, to } of changes) {
    const files = [...entries.values()].filter(({ type, path }) => type === 'file' && !path.includes('.wh.'))
    const target = files[to % Math.max(files.length, 1)]
    if (kind === 'file') put(file(path, `${path} of layer ${number}`))
    else if (kind === 'directory') put(directory(path, 0o750 + number))
    else if (kind === 'symlink') put(symlink(path, `to${number}`))
    else if (kind === 'whiteout') put(file(path.replace(/[^/]+$/, '.wh.$&'), ''))
    else if (kind === 'opaque') put(file(`${path}/.wh..wh..opq`, ''))
    else if (target !== undefined) put(hardlink(path, target.path))
  }
  return [...entries.values()]
}

/** The tree by path: type, and what the type has: mode, link target or content. */
type Tree = ReadonlyMap<string, string>

/** Applies the layers from the lowest up, as the specification tells it. */
function applyLayers(layers: readonly (readonly Entry[])[]): Tree {
  const tree = new Map<string, string>()
  const remove = (path: string, itself: boolean): void => {
    for (const name of tree.keys()) if (name.startsWith(`${path}/`) || (itself && name === path)) tree.delete(name)
  }
  layers.forEach((entries, number) => {
    for (const { path } of entries) {
      if (path.endsWith('.wh..wh..opq')) remove(path.slice(0, -'/.wh..wh..opq'.length), false)
      else if (path.includes('.wh.')) remove(path.replace('.wh.', ''), true)
    }
    for (const { path, type, mode, link } of entries) {
      if (path.includes('.wh.')) continue
      if (type !== 'directory' || tree.get(path)?.startsWith('directory') !== true) remove(path, true)
      if (type === 'directory') tree.set(path, `directory ${mode}`)
      else tree.set(path, type === 'symlink' ? `symlink ${link}` : `file ${type === 'hardlink' ? link : path} of layer ${number}`)
    }
  })
  return tree
}

function treeOf(entries: readonly ReadEntry[]): Tree {
  const contents = new Map(entries.map(({ path, data }) => [path, data.toString()]))
  return new Map(
    entries.map(({ path, type, mode, link }) => {
      if (type === 'directory') return [path, `directory ${mode}`]
      return [path, type === 'symlink' ? `symlink ${link}` : `file ${contents.get(type === 'hardlink' ? link : path)}`]
    }),
  )
}

const sorted = (tree: Tree): readonly (readonly [string, string])[] => [...tree].sort(([a], [b]) => (a < b ? -1 : 1))

describe('flattening random layers', () => {
  it('gives the tree that applying them one after another gives', async () => {
    const cache = await temporaryCache()
    await fc.assert(
      fc.asyncProperty(layersArbitrary, async (layers) => {
        await storeImage(cache, NAME, layers)
        const entries = await readEntries(flattenImage(await findImage(cache, NAME), AbortSignal.timeout(30_000)))
        expect(new Set(entries.map(({ path }) => path)).size).toBe(entries.length)
        expect(sorted(treeOf(entries))).toEqual(sorted(applyLayers(layers)))
      }),
      { numRuns: 60 },
    )
  })

  it('gives the tree that umoci unpacks', async () => {
    const cache = await temporaryCache()
    const output = await temporaryDirectory()
    let number = 0
    await fc.assert(
      fc.asyncProperty(layersArbitrary, async (layers) => {
        await storeImage(cache, NAME, layers)
        const image = await findImage(cache, NAME)
        await cache.setName('judge', image.descriptor)
        const bundle = join(output, String(++number))
        run('umoci', ['unpack', '--rootless', '--image', `${cache.directory}:judge`, bundle])
        const entries = await readEntries(flattenImage(image, AbortSignal.timeout(30_000)))
        expect(sorted(treeOf(entries))).toEqual(sorted(await treeOnDisk(join(bundle, 'rootfs'))))
      }),
      { numRuns: 12 },
    )
  })
})

async function treeOnDisk(root: string): Promise<Tree> {
  const tree = new Map<string, string>()
  for (const name of await readdir(root, { recursive: true })) {
    const path = join(root, name)
    const status = await lstat(path)
    if (status.isDirectory()) tree.set(name, `directory ${(await stat(path)).mode & 0o7777}`)
    else tree.set(name, status.isSymbolicLink() ? `symlink ${await readlink(path)}` : `file ${await readFile(path, 'utf8')}`)
  }
  return tree
}
