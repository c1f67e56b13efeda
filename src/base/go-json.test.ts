import { assert, jsonValue, property } from 'fast-check'
import { expect, test } from 'vitest'
import { goJson, type Json } from './go-json.js'

test('escapes what could be HTML, in keys too', () => {
  expect(goJson({ '<a>': 'b & c\u{2028}' })).toBe(String.raw`{"\u003ca\u003e":"b \u0026 c\u2028"}`)
})

test('writes integers that no number holds, and leaves out what is undefined', () => {
  expect(goJson({ hard: 18446744073709551615n, soft: undefined })).toBe('{"hard":18446744073709551615}')
})

test('indents like JSON.stringify and means the same', () => {
  assert(
    property(jsonValue({ noUnicodeString: false }), (value) => {
      expect(JSON.parse(goJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
  const value = { a: [], b: {}, c: [1, { d: null }] }
  expect(goJson(value, 4)).toBe(JSON.stringify(value, null, 4))
})
