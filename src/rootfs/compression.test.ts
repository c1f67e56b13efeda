import { describe, expect, test } from 'vitest'
import { parseCompression, usualFor } from './compression.js'

describe('a compression', () => {
  test.each([
    ['gzip', { name: 'gzip', level: 6 }],
    ['gzip:9', { name: 'gzip', level: 9 }],
    ['zstd:19', { name: 'zstd', level: 19 }],
    ['xz:0', { name: 'xz', level: 0 }],
    ['none', { name: 'none', level: 0 }],
  ])('%s is read', (text, expected) => expect(parseCompression(text)).toEqual(expected))

  test.each([
    ['gzip:0', 'the levels are 1 to 9'],
    ['zstd:20', 'the levels are 1 to 19'],
    ['zstd:', 'the levels are 1 to 19'],
    ['gzip:6:1', 'the levels are 1 to 9'],
    ['none:1', 'it has none'],
    ['zst', 'did you mean "zstd"?'],
    ['', 'there are gzip, zstd, xz, none'],
  ])('%j is refused', (text, hint) => {
    expect(() => parseCompression(text)).toThrow(expect.objectContaining({ code: 'cli/compress', hint }))
  })
})

test('zstd is usual for kernels and hosts that know it', () => {
  expect(usualFor(['gzip', 'zstd'], 'linux arm64').name).toBe('zstd')
  expect(usualFor(['gzip', 'zstd'], 'linux s390x').name).toBe('gzip')
  expect(usualFor(['gzip'], 'linux x64').name).toBe('gzip')
  expect(usualFor([], 'linux x64').name).toBe('gzip')
})
