import { assert, constantFrom, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  array,
  boolean,
  integer,
  number,
  optional,
  picklist,
  pipe,
  record,
  strictObject,
  string as text,
  union,
  type InferOutput,
} from 'valibot'
import { parseDocument } from './document.js'
import { validate } from './document-validate.js'
import { LinuxkitError, LinuxkitErrors } from './errors.js'

function caught(action: () => unknown): LinuxkitError {
  try {
    action()
  } catch (error) {
    if (error instanceof LinuxkitError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** True when the action succeeds or fails with an error meant for users. */
function survives(action: () => unknown): boolean {
  try {
    action()
    return true
  } catch (error) {
    return error instanceof LinuxkitError
  }
}

function valueOf(text: string): unknown {
  return parseDocument(text, 'a.yml').value
}

describe('parsing', () => {
  test.each([
    ['0644', 420],
    ['-010', -8],
    ['08', 8],
    ['0o17', 15],
    ['0x1F', 31],
    ['0b101', 5],
    ['+5', 5],
    ['1_000', 1000],
    ['1e3', 1000],
    ['9223372036854775807', 9223372036854775807n],
    ['"0644"', '0644'],
    ['yes', 'yes'],
    ['off', 'off'],
    ['True', true],
    ['~', null],
    ['2020-01-01', '2020-01-01'],
    ['0x', '0x'],
    ['1.5', 1.5],
  ])('reads the scalar %s', (text, value) => {
    expect(valueOf(`a: ${text}`)).toEqual({ a: value })
  })

  test('reads JSON, a byte order mark, anchors and merge keys', () => {
    expect(valueOf('{"a": [1, "b"]}')).toEqual({ a: [1, 'b'] })
    expect(valueOf('\u{feff}a: 1')).toEqual({ a: 1 })
    expect(valueOf('a: &x {b: 1}\nc: {<<: *x, d: *x}')).toEqual({ a: { b: 1 }, c: { b: 1, d: { b: 1 } } })
  })

  test('looks at the first document only', () => {
    expect(valueOf('---\na: 1\n---\n: [')).toEqual({ a: 1 })
    expect(valueOf('---')).toBeNull()
  })

  test.each(['', '# nothing\n'])('refuses the empty text %j', (text) => {
    expect(caught(() => valueOf(text)).code).toBe('config/empty')
  })

  test.each([
    ['a: 1\nb: 2\na: 3\n', 'config/duplicate-key', 3, 1],
    ['a:\n\t- b', 'config/syntax', 2, 1],
    ['a: [1,\nb: 2', 'config/syntax', 2, 1],
    ['a:\n  1: b', 'config/key-type', 2, 3],
    ['? [a]\n: b', 'config/key-type', 1, 3],
  ])('points at the mistake in %j', (text, code, line, column) => {
    const error = caught(() => valueOf(text))
    expect(error).toMatchObject({ code, where: { file: 'a.yml', line, column, text: text.split('\n')[line - 1] } })
  })

  test('refuses aliases that explode and absurd nesting', () => {
    const bomb = Array.from(
      { length: 12 },
      (_, level) =>
        `a${level}: &a${level} [${
          level === 0
            ? 1
            : Array(9)
                .fill(`*a${level - 1}`)
                .join()
        }]`,
    )
    expect(caught(() => valueOf(bomb.join('\n'))).code).toBe('config/aliases')
    expect(caught(() => valueOf('['.repeat(100_000))).code).toBe('config/syntax')
  })

  test('throws nothing but errors with a message, whatever the text', () => {
    assert(
      property(string({ unit: constantFrom(...'ab:-[]{}&*!|>\'"#%@`,? \n\t0<~'.split('')) }), (text) => {
        return survives(() => parseDocument(text, 'a.yml').place(['a', 0, 'b'], 'value'))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('places', () => {
  const document = parseDocument('a:\n  - b: &x {c: 1}\n  -\n    d: *x\n    <<: *x\n    e:\n', 'a.yml')

  test.each([
    [['a', 0, 'b', 'c'], 'value', 2, 15],
    [['a', 0, 'b', 'c'], 'key', 2, 12],
    [['a', 1], 'value', 4, 5],
    [['a', 1, 'd', 'c'], 'value', 2, 15],
    [['a', 1, 'c'], 'key', 2, 12],
    [['a', 1, 'e'], 'value', 6, 5],
    [['a', 1, 'nowhere', 'deeper'], 'value', 4, 5],
    [[], 'value', 1, 1],
  ] as const)('finds the place of %j %s', (path, part, line, column) => {
    expect(document.place(path, part)).toMatchObject({ line, column })
  })
})

describe('validation', () => {
  const schema = strictObject({
    services: optional(
      array(
        strictObject({
          name: text(),
          image: text(),
          env: optional(array(text())),
          uid: optional(union([text(), pipe(number(), integer())])),
        }),
      ),
    ),
    readonly: optional(boolean()),
    format: optional(picklist(['oci', 'filesystem'])),
    sysctl: optional(record(text(), text())),
  })
  const problem = (text: string): LinuxkitError => caught(() => validate(parseDocument(text, 'a.yml'), schema))

  test('gives the data of a right document', () => {
    const data: InferOutput<typeof schema> = validate(parseDocument('services: [{name: a, image: b, uid: 3}]', 'a.yml'), schema)
    expect(data).toEqual({ services: [{ name: 'a', image: 'b', uid: 3 }] })
  })

  test.each([
    ['services: [{name: a, image: b, imgae: c}]', 'services[0].imgae: unknown key "imgae"', 'did you mean "image"?', 32],
    ['constructor: 5', 'constructor: unknown key "constructor"', 'the keys here are services, readonly, format, sysctl', 1],
    [
      'services: [{name: a, image: b, toString: []}]',
      'services[0].toString: unknown key "toString"',
      'the keys here are name, image, env, uid',
      32,
    ],
    ['{"__proto__": {"services": []}}', '__proto__: unknown key "__proto__"', 'the keys here are services, readonly, format, sysctl', 2],
    ['service: []', 'service: unknown key "service"', 'did you mean "services"?', 1],
    ['services: [{name: a, image: b, env: 5}]', 'services[0].env: expected an array of strings, found the number 5', undefined, 37],
    [
      'services: [{name: a, image: b, env: A=b}]',
      'services[0].env: expected an array of strings, found the string "A=b"',
      'write it as an array: ["A=b"]',
      37,
    ],
    ['services: [{name: a, image: 0755}]', 'services[0].image: expected a string, found the number 493', 'put it in quotes: "0755"', 29],
    ['services: [{name: a}]', 'services[0]: the required key "image" is missing', undefined, 12],
    ['services: [{name: a, image: b, uid: []}]', 'services[0].uid: expected a string or an integer, found an array', undefined, 37],
    ['readonly: yes', 'readonly: expected a boolean (true or false), found the string "yes"', 'write true or false, without quotes', 11],
    ['format: disk', 'format: expected "oci" or "filesystem", found the string "disk"', undefined, 9],
    ['sysctl: {a.b: 1}', 'sysctl.a.b: expected a string, found the number 1', 'put it in quotes: "1"', 15],
    ['services:', 'services: expected an array of objects, found nothing', 'give the key a value or remove it', 1],
    ['[]', 'the configuration: expected an object (key: value), found an array', undefined, 1],
  ])('explains %s', (text, message, hint, column) => {
    expect(problem(text)).toMatchObject({ message, hint, where: { line: 1, column } })
  })

  test('reports all problems, each with its place', () => {
    const error = problem('services:\n  - name: a\n    imag: b\nreadonly: 3\n')
    expect(error).toBeInstanceOf(LinuxkitErrors)
    const lines = Object.fromEntries((error as LinuxkitErrors).errors.map((each) => [each.code, each.where?.line]))
    expect(lines).toEqual({ 'config/missing-key': 2, 'config/unknown-key': 3, 'config/wrong-type': 4 })
  })
})
