import { describe, expect, test } from 'vitest'
import { formatRelation, parseRelations, satisfies } from './depends.js'

function formatted(field: string, arch = 'amd64'): readonly string[] {
  return parseRelations(field, arch).map((group) => group.map(formatRelation).join(' | '))
}

describe('parseRelations', () => {
  test('reads alternatives, versions and qualifiers', () => {
    expect(formatted('libc6 (>= 2.39), debconf (>=0.5)|debconf-2.0, perl:any , python3:amd64(<<3.14)')).toEqual([
      'libc6 (>= 2.39)',
      'debconf (>= 0.5) | debconf-2.0',
      'perl',
      'python3 (<< 3.14)',
    ])
  })

  test('takes the old operators as "or equal"', () => {
    expect(formatted('a (< 1), b (> 1)')).toEqual(['a (<= 1)', 'b (>= 1)'])
  })

  test('leaves out what is for other architectures, and build profiles', () => {
    expect(formatted('a [amd64 arm64], b [!amd64], c [linux-any] | d [arm64], e <!nocheck> <cross>')).toEqual(['a', 'c', 'e'])
    expect(formatted('a [amd64 arm64], b [!amd64]', 'riscv64')).toEqual(['b'])
  })

  test('is empty for an empty field', () => {
    expect(formatted('')).toEqual([])
    expect(formatted(' , ')).toEqual([])
  })

  test('refuses what is no relation', () => {
    expect(() => formatted('a (>= )')).toThrow('"a (>= )" is not a relation')
    expect(() => formatted('a b')).toThrow('"a b" is not a relation')
  })
})

test.each([
  ['<<', [true, false, false]],
  ['<=', [true, true, false]],
  ['=', [false, true, false]],
  ['>=', [false, true, true]],
  ['>>', [false, false, true]],
] as const)('%s holds for older, equal and newer versions: %j', (operator, expected) => {
  expect(['1.9', '2.0', '2.1'].map((version) => satisfies(version, { operator, version: '2.0' }))).toEqual(expected)
})
