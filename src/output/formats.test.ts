import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FORMATS } from './formats.js'
import type { Format } from './format.js'

const documentation = readFileSync('docs/formats.md', 'utf8')

const row = ({ name, suffixes, startedBy, architectures, rootOn }: Format): string =>
  `| \`${name}\` | ${suffixes.map((suffix) => `\`NAME${suffix}\``).join(' ')} | ${startedBy} | ${architectures.join(', ')} | ${rootOn} |`

test('the documentation says of every format what the table of formats says, in its order', () => {
  const rows = documentation.split('\n').filter((line) => line.startsWith('| `'))
  expect(rows.filter((line) => line.includes('NAME'))).toEqual(FORMATS.map(row))
})

test('names and files of formats are different but for what may not stand in one call', () => {
  expect(new Set(FORMATS.map(({ name }) => name)).size).toBe(FORMATS.length)
  const suffixes = FORMATS.flatMap((format) => format.suffixes)
  const shared = new Set(suffixes.filter((suffix, index) => suffixes.indexOf(suffix) !== index))
  expect([...shared].sort()).toEqual(['-cmdline', '-kernel', '.iso', '.tar', '.vhd'])
})
