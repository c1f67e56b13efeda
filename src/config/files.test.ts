import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LinuxkitError } from '../base/errors.js'
import { fileSpec, type FileSpec } from './files.js'
import { allocateIds, resolveId } from './ids.js'
import type { Config, File } from './schema.js'

function spec(fields: Partial<File>): FileSpec {
  return fileSpec({ path: '/etc/a', directory: false, optional: false, ...fields })
}

describe('files', () => {
  test.each([
    [{ contents: '' }, { path: 'etc/a', mode: 0o600, parentMode: 0o700, origin: { type: 'contents', text: '' } }],
    [
      { contents: 'x', mode: '0644' },
      { path: 'etc/a', mode: 0o644, parentMode: 0o755, origin: { type: 'contents', text: 'x' } },
    ],
    [
      { contents: 'x', mode: '0420' },
      { path: 'etc/a', mode: 0o420, parentMode: 0o530, origin: { type: 'contents', text: 'x' } },
    ],
    [{ contents: 'x', mode: '0000644' }, { mode: 0o644 }],
    [{ contents: 'x', mode: '104755' }, { mode: 0o104755 }],
    [{ path: 'a/', directory: true }, { path: 'a/' }],
    [
      { directory: true, symlink: 'x' },
      { path: 'etc/a', mode: 0o700, parentMode: 0o700, origin: { type: 'directory' } },
    ],
    [
      { symlink: 'x', contents: 'y' },
      { path: 'etc/a', mode: 0o600, parentMode: 0o700, origin: { type: 'symlink', target: 'x' } },
    ],
    [{ source: '~/x', optional: true }, { origin: { type: 'source', path: join(homedir(), 'x'), optional: true } }],
    [{ metadata: 'json' }, { origin: { type: 'metadata', format: 'json' } }],
  ])('takes %j', (fields, expected) => {
    expect(spec(fields)).toMatchObject(expected)
  })

  test.each([
    [{ path: '' }, 'config/file-path'],
    [{ path: 'etc/a/', contents: 'x' }, 'config/file-path'],
    [{ mode: '999', contents: '' }, 'config/file-mode'],
    [{ mode: '0o644', contents: '' }, 'config/file-mode'],
    [{}, 'config/file-origin'],
    [{ optional: true }, 'config/file-origin'],
    [{ source: 'a', metadata: 'yaml' }, 'config/file-origin'],
    [{ source: 'a', contents: 'x' }, 'config/file-origin'],
    [{ directory: true, contents: 'x' }, 'config/file-origin'],
    [{ metadata: 'xml' }, 'config/file-origin'],
  ])('refuses %j', (fields, code) => {
    expect(() => spec(fields)).toThrow(expect.objectContaining({ code }) as Error)
  })
})

describe('ids', () => {
  const container = (name: string) => ({ name, image: 'a' })
  const config: Config = {
    kernel: {},
    init: [],
    onboot: [container('a'), container('b')],
    onshutdown: [container('c')],
    services: [container('a'), container('d')],
    files: [],
    volumes: [],
  }
  const ids = allocateIds(config)

  test('count from 100 through all sections', () => {
    expect(Object.fromEntries(ids)).toEqual({ a: 103, b: 101, c: 102, d: 104 })
  })

  test.each([
    [undefined, 0],
    ['', 0],
    ['root', 0],
    [7, 7],
    [-1, 4294967295],
    [2 ** 32, 0],
    ['d', 104],
  ])('resolve %j to %j', (value, id) => {
    expect(resolveId(value, ids, 'uid')).toBe(id)
  })

  test('refuse other names', () => {
    expect(() => resolveId('5', ids, 'uid')).toThrow(LinuxkitError)
  })
})
