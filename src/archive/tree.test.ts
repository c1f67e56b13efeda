import { describe, expect, test } from 'vitest'
import { textContent } from '../base/content.js'
import { entry } from './entry.js'
import { buildTree, walk } from './tree.js'

const file = (path: string, text = path) => entry({ path, type: 'file', content: textContent(text) })
const paths = (tree: ReturnType<typeof buildTree>) => [...walk(tree)].map(({ path, node }) => `${path} ${node.entry.type}`)

describe('a tree', () => {
  test('has missing parents, sorted by the bytes of the names', () => {
    const tree = buildTree([file('b/x'), file('b/\u{1F600}'), file('b/\uFF5E'), file('a')])
    expect(paths(tree)).toEqual([' directory', 'a file', 'b directory', 'b/x file', 'b/\uFF5E file', 'b/\u{1F600} file'])
  })

  test('keeps the last of several entries, and what is in a directory that comes again', () => {
    const tree = buildTree([
      file('d/x'),
      entry({ path: 'd/', type: 'directory', mode: 0o700 }),
      file('y'),
      entry({ path: 'y', type: 'symlink', link: 'd' }),
    ])
    expect(paths(tree)).toEqual([' directory', 'd directory', 'd/x file', 'y symlink'])
    expect(tree.children?.[0]?.entry.mode).toBe(0o700)
  })

  test('follows symbolic links to directories', () => {
    const tree = buildTree([
      entry({ path: 'usr/lib', type: 'directory' }),
      entry({ path: 'lib', type: 'symlink', link: 'usr/lib' }),
      file('lib/x'),
      entry({ path: 'usr/lib/up', type: 'symlink', link: '../../lib' }),
      file('usr/lib/up/y'),
    ])
    expect(paths(tree)).toContain('usr/lib/x file')
    expect(paths(tree)).toContain('usr/lib/y file')
    expect(paths(tree)).toContain('lib symlink')
  })

  test('has a directory in place of a symbolic link, and no link in place of a directory with something in it', () => {
    const tree = buildTree([
      file('a/x'),
      entry({ path: 'b', type: 'symlink', link: 'a' }),
      entry({ path: 'b', type: 'directory' }),
      file('b/y'),
      entry({ path: 'a', type: 'symlink', link: 'b' }),
      entry({ path: 'empty', type: 'directory' }),
      entry({ path: 'empty', type: 'symlink', link: 'b' }),
    ])
    expect(paths(tree)).toEqual([' directory', 'a directory', 'a/x file', 'b directory', 'b/y file', 'empty symlink'])
  })

  test('has one entry for all hard links of an object', () => {
    const tree = buildTree([file('a'), entry({ path: 'b', type: 'hardlink', link: './a' })])
    expect(tree.children?.[1]?.entry).toBe(tree.children?.[0]?.entry)
  })

  test('refuses a link to nothing, files below files and links in a circle', () => {
    expect(() => buildTree([entry({ path: 'b', type: 'hardlink', link: 'a' })])).toThrow('not there')
    expect(() => buildTree([file('a'), file('a/b')])).toThrow('no directory')
    expect(() => buildTree([entry({ path: 'a', type: 'symlink', link: 'a' }), file('a/b')])).toThrow('no directory')
  })
})
