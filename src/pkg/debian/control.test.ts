import { expect, test } from 'vitest'
import { parseControl } from './control.js'

test('reads paragraphs, folded values and comments', () => {
  const text = '# a host\nPackage: a\nDescription: short\n long\n .\n  more\r\n\n\n# another\nPackage:b\n# inside\nEmpty:\n'
  expect(parseControl(text).map((stanza) => [...stanza])).toEqual([
    [
      ['Package', 'a'],
      ['Description', 'short\nlong\n.\n more'],
    ],
    [
      ['Package', 'b'],
      ['Empty', ''],
    ],
  ])
})

test('finds nothing in nothing', () => {
  expect(parseControl('')).toEqual([])
  expect(parseControl('\n \n')).toEqual([])
})
