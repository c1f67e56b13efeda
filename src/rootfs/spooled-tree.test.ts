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
import { newPart, stamped, type Part } from './part.js'
import { splitBoot, spoolTree } from './spooled-tree.js'

const file = (path: string, text: string) => entry({ path, type: 'file', content: textContent(text) })

/** A part whose contents, as those of layers, go by once. */
function part(location: string, entries: readonly Entry[]): Part {
  return newPart({
    location,
    source: 'test',
    inputs: { location },
    entries: () => stamped(readTar(tarContent(entries).open()), 'test', location),
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

const options = (directory: string) => ({ directory, progress: silent, signal: new AbortController().signal })

async function textOf(tree: TreeNode, wanted: string): Promise<string | undefined> {
  for (const { path, node } of walk(tree)) if (path === wanted) return (await readContent(node.entry.content)).toString()
  return undefined
}

const paths = (tree: TreeNode): readonly string[] => [...walk(tree)].map(({ path }) => path).filter((path) => path !== '')

describe('the tree of parts', () => {
  test('lets contents be read in any order and again, and leaves nothing behind', async () => {
    await using place = await scratch()
    {
      await using spooled = await spoolTree([KERNEL, INIT, FILES], options(place.directory))
      for (const [path, text] of [
        ['sbin/init', 'init'],
        ['etc/x', 'two'],
        ['boot/kernel', 'a kernel'],
        ['etc/y', 'one'],
        ['sbin/init', 'init'],
      ] as const) {
        expect(await textOf(spooled.tree, path)).toBe(text)
      }
      expect([...walk(spooled.tree)].every(({ node }) => node.entry.pax.size === 0)).toBe(true)
    }
    expect(await readdir(place.directory)).toEqual([])
  })

  test('leaves nothing behind when a part cannot be read', async () => {
    await using place = await scratch()
    const broken: Part = {
      ...INIT,
      async *entries(signal) {
        for await (const one of INIT.entries(signal)) {
          yield one
          throw new Error('no such layer')
        }
      },
    }
    await expect(spoolTree([KERNEL, broken, FILES], options(place.directory))).rejects.toThrow('no such layer')
    expect(await readdir(place.directory)).toEqual([])
  })

  test('comes apart into what a boot loader takes and the rest, which keeps an empty boot', async () => {
    await using place = await scratch()
    await using spooled = await spoolTree([KERNEL, INIT], options(place.directory))
    const { tree, kernel, cmdline, ucode } = splitBoot(spooled.tree)
    expect(paths(tree)).toEqual(['boot', 'etc', 'etc/x', 'etc/y', 'lib', 'lib/modules', 'lib/modules/x.ko', 'sbin', 'sbin/init'])
    expect(tree.children?.[0]?.entry.mode).toBe(0o700)
    expect((await readContent(kernel)).toString()).toBe('a kernel')
    expect((await readContent(cmdline)).toString()).toBe('console=ttyS0')
    expect(ucode.size).toBe(0)
    expect(await textOf(spooled.tree, 'boot/config')).toBe('CONFIG_X=y')
  })
})
