import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { entry, type Entry } from '../archive/entry.js'
import { readTar } from '../archive/tar-reader.js'
import { tarContent } from '../archive/tar-writer.js'
import { walk, type TreeNode } from '../archive/tree.js'
import { readContent, textContent } from '../base/content.js'
import { silent } from '../base/progress.js'
import { newPart, type Part } from './part.js'
import { assemble } from './assemble.js'
import { treeEncoder, type SplitTree } from './tree-encoder.js'

const file = (path: string, text: string) => entry({ path, type: 'file', content: textContent(text) })

/** A part whose contents, as those of layers, go by once. */
function part(location: string, entries: readonly Entry[]): Part {
  return newPart({
    location,
    source: 'test',
    inputs: { location },
    entries: () => readTar(tarContent(entries).open()),
  })
}

const KERNEL = part('kernel', [
  entry({ path: 'boot', type: 'directory', mode: 0o700 }),
  file('boot/cmdline', 'console=ttyS0'),
  file('boot/kernel', 'a kernel'),
  file('boot/config', 'CONFIG_X=y'),
  file('lib/modules/x.ko', 'a module'),
])
const INIT = part('init[0]', [file('sbin/init', 'init'), file('etc/x', 'one'), entry({ path: 'etc/y', type: 'hardlink', link: 'etc/x' })])
const FILES = part('files[0]', [file('etc/x', 'two')])

async function scratch(): Promise<AsyncDisposable & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'linuxkit-tree-'))
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) }
}

const options = (directory: string) => ({ fragmentDirectory: directory, progress: silent, signal: new AbortController().signal })

async function withTree(parts: readonly Part[], look: (split: SplitTree) => Promise<void>): Promise<void> {
  await using place = await scratch()
  // The second time what has been kept is taken.
  for (let time = 0; time < 2; time++) {
    await using assembled = await assemble(parts, treeEncoder, options(place.directory))
    await using split = assembled.joined
    await look(split)
  }
  expect((await readdir(place.directory)).filter((name) => name.startsWith('.'))).toEqual([])
}

async function textOf(tree: TreeNode, wanted: string): Promise<string | undefined> {
  for (const { path, node } of walk(tree)) if (path === wanted) return (await readContent(node.entry.content)).toString()
  return undefined
}

const paths = (tree: TreeNode): readonly string[] => [...walk(tree)].map(({ path }) => path).filter((path) => path !== '')

async function identityOf(parts: readonly Part[]): Promise<string> {
  let identity = ''
  await withTree(parts, async (split) => {
    identity = split.identity
  })
  return identity
}

describe('the tree of parts', () => {
  test('lets contents be read in any order and again', () =>
    withTree([KERNEL, INIT, FILES], async ({ tree }) => {
      for (const [path, text] of [
        ['sbin/init', 'init'],
        ['etc/x', 'two'],
        ['lib/modules/x.ko', 'a module'],
        ['etc/y', 'one'],
        ['sbin/init', 'init'],
      ] as const) {
        expect(await textOf(tree, path)).toBe(text)
      }
      expect([...walk(tree)].every(({ node }) => node.entry.pax.size === 0)).toBe(true)
    }))

  test('comes apart into what a boot loader takes and the rest, which keeps an empty boot', () =>
    withTree([KERNEL, INIT], async ({ tree, kernel, cmdline, ucode }) => {
      expect(paths(tree)).toEqual(['boot', 'etc', 'etc/x', 'etc/y', 'lib', 'lib/modules', 'lib/modules/x.ko', 'sbin', 'sbin/init'])
      expect(tree.children?.[0]?.entry.mode).toBe(0o700)
      expect((await readContent(kernel)).toString()).toBe('a kernel')
      expect((await readContent(cmdline)).toString()).toBe('console=ttyS0')
      expect(ucode.size).toBe(0)
    }))

  test('keeps all that an entry says', () => {
    const special = [
      entry({ path: 'dev/x', type: 'character', mode: 0o640, uid: 3, gid: 4, device: { major: 5, minor: 1 } }),
      entry({ path: 'link', type: 'symlink', link: 'dev/x', mtime: { seconds: 5, nanoseconds: 7 } }),
      entry({
        path: 'ping',
        type: 'file',
        content: textContent('p'),
        xattrs: new Map([['security.capability', Buffer.from([1, 0, 255])]]),
      }),
    ]
    const whole = newPart({
      location: 'x',
      source: 'x',
      inputs: {},
      async *entries() {
        yield* special
      },
    })
    return withTree([whole], async ({ tree }) => {
      const entries = [...walk(tree)].map(({ node }) => node.entry).filter(({ type }) => type !== 'directory')
      const members = (list: readonly Entry[]) => list.map((one) => ({ ...one, content: one.content.size }))
      expect(members(entries)).toEqual(members(special))
    })
  })

  test('has an identity that contents and attributes change, and their grouping in parts does not', async () => {
    const one = await identityOf([INIT, FILES])
    const together = part('all', [
      file('sbin/init', 'init'),
      file('etc/x', 'one'),
      entry({ path: 'etc/y', type: 'hardlink', link: 'etc/x' }),
      file('etc/x', 'two'),
    ])
    expect(await identityOf([together])).toBe(one)
    expect(await identityOf([INIT, part('files[0]', [file('etc/x', 'TWO')])])).not.toBe(one)
    expect(await identityOf([INIT, FILES, part('x', [entry({ path: 'etc', type: 'directory', mode: 0o700 })])])).not.toBe(one)
  })
})
