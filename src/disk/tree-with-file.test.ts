import { describe, expect, test } from 'vitest'
import { entry } from '../archive/entry.js'
import { buildTree, walk } from '../archive/tree.js'
import { readContent, textContent } from '../base/content.js'
import { treeWithFile } from './tree-with-file.js'

const root = buildTree([
  entry({ path: 'boot', type: 'directory', mode: 0o700 }),
  entry({ path: 'boot/kernel', type: 'file', content: textContent('old') }),
  entry({ path: 'etc/hosts', type: 'file' }),
])

describe('a file of a boot loader', () => {
  test('is put in its place, and nothing else is changed', () => {
    const before = [...walk(root)].map(({ path }) => path)
    const tree = treeWithFile(root, 'boot/loader/file', textContent('new'))
    expect([...walk(tree)].map(({ path, node }) => `${path} ${node.entry.path}`)).toEqual([
      ' ',
      'boot boot',
      'boot/kernel boot/kernel',
      'boot/loader boot/loader',
      'boot/loader/file boot/loader/file',
      'etc etc',
      'etc/hosts etc/hosts',
    ])
    expect(tree.children?.[0]?.entry.mode).toBe(0o700)
    expect([...walk(root)].map(({ path }) => path)).toEqual(before)
  })

  test('replaces one that is there', async () => {
    const [boot] = treeWithFile(root, 'boot/kernel', textContent('new')).children ?? []
    expect(boot?.children).toHaveLength(1)
    expect(String(await readContent(boot?.children?.[0]?.entry.content ?? textContent('')))).toBe('new')
  })

  test.each(['boot', 'boot/kernel/file', 'etc/hosts/x'])('is refused at %s, where something else is in the way', (path) => {
    expect(() => treeWithFile(root, path, textContent(''))).toThrow(expect.objectContaining({ code: 'disk/in-the-way' }))
  })
})
