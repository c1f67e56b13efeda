import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareVersions } from './version.js'

/** Versions over the characters that matter to the order: digits, letters, tilde, the other signs, epoch and revision. */
const upstream = fc
  .tuple(fc.nat(20), fc.array(fc.constantFrom('0', '1', '09', '10', 'a', 'Z', '~', '~~', '+', '.', 'rc'), { maxLength: 5 }))
  .map(([first, rest]) => `${first}${rest.join('')}`)
const version = fc
  .tuple(fc.option(fc.nat(2)), upstream, fc.option(upstream))
  .map(([epoch, main, revision]) => `${epoch === null ? '' : `${epoch}:`}${main}${revision === null ? '' : `-${revision}`}`)

/** dpkg's word on pairs of versions: `<`, `=` or `>` for each. */
function askDpkg(pairs: readonly (readonly [string, string])[]): readonly string[] {
  const script =
    'while read a b; do if dpkg --compare-versions $a lt $b; then echo "<"; elif dpkg --compare-versions $a eq $b; then echo "="; else echo ">"; fi; done'
  const input = pairs.map((pair) => `${pair.join(' ')}\n`).join('')
  return execFileSync('sh', ['-c', script], { input, encoding: 'utf8' }).trim().split('\n')
}

function sign(order: number): string {
  return order < 0 ? '<' : order > 0 ? '>' : '='
}

describe('compareVersions', () => {
  test('agrees with dpkg', () => {
    const known = [
      '1.0',
      '1.00',
      '1.0-0',
      '1.0-1',
      '0:1.0',
      '1:0.1',
      '1.0~rc1',
      '1.0~~',
      '1.0+b1',
      '1.0a',
      '1.0.1',
      '1.0-1+b1',
      '1.0-1~bpo12+1',
    ]
    const pairs = known.flatMap((a) => known.map((b) => [a, b] as const))
    const all = [...pairs, ...fc.sample(fc.tuple(version, version), { numRuns: 300, seed: 7 })]
    expect(all.map(([a, b]) => sign(compareVersions(a, b)))).toEqual(askDpkg(all))
  })

  test('is a total order', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(compareVersions(a, a)).toBe(0)
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0)
        const [low = '', middle = '', high = ''] = [a, b, c].sort(compareVersions)
        expect(compareVersions(low, middle)).toBeLessThanOrEqual(0)
        expect(compareVersions(middle, high)).toBeLessThanOrEqual(0)
        expect(compareVersions(low, high)).toBeLessThanOrEqual(0)
      }),
    )
  })

  test('compares numbers by value, however long', () => {
    expect(compareVersions('1.123456789012345678901', '1.123456789012345678902')).toBeLessThan(0)
    expect(compareVersions('1.9', '1.00000000000000000000010')).toBeLessThan(0)
  })
})
