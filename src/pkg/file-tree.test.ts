import { describe, expect, test } from 'vitest'
import { entry, type Entry } from '../archive/entry.js'
import { textContent } from '../base/content.js'
import { FileTree } from './file-tree.js'

const link = (path: string, target: string): Entry => entry({ path, type: 'symlink', link: target })
const file = (path: string, text = 'x'): Entry => entry({ path, type: 'file', content: textContent(text) })
const directory = (path: string, mode = 0o755): Entry => entry({ path, type: 'directory', mode })

function treeOf(...entries: readonly Entry[]): FileTree {
  const tree = new FileTree()
  for (const one of entries) tree.add(one)
  return tree
}

function listing(tree: FileTree): readonly string[] {
  return [...tree.entries()].map(({ type, path, link }) => `${type} ${path}${link === '' ? '' : ` -> ${link}`}`)
}

describe('FileTree', () => {
  test('lists parents before children, in order, whatever the order of insertion', () => {
    const expected = ['directory a', 'file a-b', 'directory a/b', 'file a/b/c', 'file z']
    expect(listing(treeOf(file('z'), file('./a/b/c'), file('/a-b')))).toEqual(expected)
    expect(listing(treeOf(file('a-b'), file('a/b/c'), file('z')))).toEqual(expected)
  })

  test('follows links among the parents', () => {
    const tree = treeOf(
      link('lib', 'usr/lib'),
      directory('lib', 0o700),
      file('lib/x86/ld.so'),
      link('usr/lib/abs', '/etc'),
      file('lib/abs/passwd'),
    )
    expect(listing(tree)).toEqual([
      'directory etc',
      'file etc/passwd',
      'symlink lib -> usr/lib',
      'directory usr',
      'directory usr/lib',
      'symlink usr/lib/abs -> /etc',
      'directory usr/lib/x86',
      'file usr/lib/x86/ld.so',
    ])
    expect(tree.resolve('lib/x86/ld.so')?.path).toBe('usr/lib/x86/ld.so')
  })

  test('cannot be led out of its root, nor around for ever', () => {
    expect(listing(treeOf(link('a', '../../../etc'), file('a/b')))).toEqual(['symlink a -> ../../../etc', 'directory etc', 'file etc/b'])
    expect(() => treeOf(file('../x'))).toThrow(/out of the archive/)
    expect(() => treeOf(link('a', 'b'), link('b', 'a'), file('a/x'))).toThrow(/too many symbolic links/)
    expect(treeOf(link('a', 'a')).resolve('a')).toBeUndefined()
  })

  test('keeps hard links together, also when the first name goes', () => {
    const one = file('b/one')
    const tree = treeOf(
      one,
      entry({ path: 'a/two', type: 'hardlink', link: './b/one' }),
      entry({ path: 'c', type: 'hardlink', link: 'a/two' }),
    )
    expect(listing(tree)).toEqual(['directory a', 'file a/two', 'directory b', 'hardlink b/one -> a/two', 'hardlink c -> a/two'])
    tree.remove('a')
    expect(listing(tree)).toEqual(['directory b', 'file b/one', 'hardlink c -> b/one'])
    expect(() => treeOf(entry({ path: 'x', type: 'hardlink', link: 'gone' }))).toThrow(/which is not there/)
  })

  test('keeps directories that lead to what stays', () => {
    const tree = treeOf(directory('usr/share', 0o750), file('usr/share/doc/a'), file('usr/bin/b'), directory('empty'))
    tree.filter((path) => path === 'usr/share/doc/a')
    expect(listing(tree)).toEqual(['directory usr', 'directory usr/share', 'directory usr/share/doc', 'file usr/share/doc/a'])
    expect(tree.get('usr/share')?.mode).toBe(0o750)
  })

  test('replaces a directory by a file with everything in it, never a file by a directory unasked', () => {
    expect(listing(treeOf(file('a/b'), file('a')))).toEqual(['file a'])
    expect(() => treeOf(file('a'), file('a/b/c'))).toThrow(/"a", which is no directory/)
  })
})
