import { describe, expect, test } from 'vitest'
import { compileFilter, compileGlob, expandBraces } from './glob.js'

describe('compileGlob', () => {
  test.each([
    ['usr/share/doc', 'usr/share/doc', true],
    ['usr/share/doc', 'usr/share/doc/nginx/copyright', true],
    ['usr/share/doc', 'usr/share/docs', false],
    ['/usr/share/doc/', 'usr/share/doc/x', true],
    ['usr/lib/*.so', 'usr/lib/libc.so', true],
    ['usr/lib/*.so', 'usr/lib/x86/libc.so', false],
    ['usr/lib/**', 'usr/lib', false],
    ['usr/lib/**', 'usr/lib/a/b', true],
    ['**/*.a', 'libx.a', true],
    ['**/*.a', 'usr/lib/libx.a', true],
    ['usr/**/bin', 'usr/bin', true],
    ['usr/**/bin', 'usr/local/s/bin/x', true],
    ['usr/share/{man,info}', 'usr/share/info/dir', true],
    ['usr/share/{m*,info}/x', 'usr/share/man/x', true],
    ['usr/share/{man,info}', 'usr/share/manual', false],
    ['lib?[0-9].so', 'libz1.so', true],
    ['lib[!z].so', 'libz.so', false],
    ['lib[!z].so', 'liba.so', true],
    ['a+b(c).d', 'a+b(c).d', true],
    ['a.b', 'axb', false],
    ['[', '[', true],
    ['usr/bin/[', 'usr/bin/[', true],
  ])('%s on %s: %s', (pattern, path, matches) => {
    expect(compileGlob(pattern).test(path)).toBe(matches)
  })
})

describe('compileFilter', () => {
  test('keeps everything when nothing is said', () => {
    expect(compileFilter({})('etc/passwd')).toBe(true)
  })

  test('lets the last pattern decide and remove win over keep', () => {
    const stays = compileFilter({ keep: ['usr'], remove: ['usr/share/doc', '!usr/share/doc/a', 'usr/share/doc/a/secret'] })
    expect(['usr/bin/x', 'etc/x', 'usr/share/doc/b', 'usr/share/doc/a/x', 'usr/share/doc/a/secret'].map(stays)).toEqual([
      true,
      false,
      false,
      true,
      false,
    ])
  })
})

test('expandBraces', () => {
  expect(expandBraces('bin/{[,[[,sh}')).toEqual(['bin/[', 'bin/[[', 'bin/sh'])
  expect(expandBraces('{a,b}/{c,d}')).toEqual(['a/c', 'a/d', 'b/c', 'b/d'])
  expect(expandBraces('bin/sh')).toEqual(['bin/sh'])
})
