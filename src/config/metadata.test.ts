import { array, assert, boolean, constantFrom, dictionary, integer, oneof, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDocument } from '../base/document.js'
import { validate } from '../base/document-validate.js'
import { mergeConfigs } from './merge.js'
import { dryRunYaml, metadataJson, metadataYaml } from './metadata.js'
import { ymlSchema, type Config } from './schema.js'
import { STYLE_V2, STYLE_V3, writeYaml } from './yaml-writer.js'

function configOf(text: string): Config {
  const document = parseDocument(text, 'a.yml')
  return mergeConfigs([{ document, yml: validate(document, ymlSchema) }])
}

const CONFIG = configOf(`
kernel: {image: linuxkit/kernel:1, cmdline: "a=1 b=2", tar: none}
init: ["linuxkit/init:v1"]
services:
  - name: "yes"
    image: nginx
    annotations: {a10: x, a2: "1"}
    mounts: [{type: bind, source: /a, destination: /b, options: [rw]}]
    binds: []
    resources: {cpu: {cpus: "0-1"}}
    uid: 5
files:
  - path: etc/motd
    contents: "hello\\n<world>\\n"
volumes:
  - name: v
    image: data
`)

describe('yaml', () => {
  test('is printed as LinuxKit prints it', () => {
    expect(dryRunYaml(CONFIG)).toBe(`kernel:
    image: linuxkit/kernel:1
    cmdline: a=1 b=2
    tar: none
init:
    - linuxkit/init:v1
onboot: []
onshutdown: []
services:
    - name: "yes"
      image: nginx
      mounts:
        - destination: /b
          type: bind
          source: /a
          options:
            - rw
          uidmappings: []
          gidmappings: []
      binds: []
      uid: 5
      resources:
        cpu:
            cpus: 0-1
      annotations:
        a2: "1"
        a10: x
files:
    - path: etc/motd
      directory: false
      contents: |
        hello
        <world>
      optional: false
volumes:
    - name: v
      image: data
`)
  })

  test('has normalised names and its own layout as metadata', () => {
    expect(metadataYaml(CONFIG)).toContain(`init:
- docker.io/linuxkit/init:v1
onboot: []
onshutdown: []
services:
- name: "yes"
  image: docker.io/library/nginx
  mounts:
  - destination: /b
    type: bind
`)
    expect(metadataYaml(CONFIG)).toContain('  contents: |\n    hello\n    <world>\n  optional: false\nvolumes:\n- name: v\n  image: data\n')
  })

  test('folds long lines as metadata only', () => {
    const config = configOf(`kernel: {cmdline: "${'console=ttyS0 '.repeat(8).trim()}"}`)
    expect(metadataYaml(config)).toContain(
      '  cmdline: console=ttyS0 console=ttyS0 console=ttyS0 console=ttyS0 console=ttyS0 console=ttyS0\n    console=ttyS0 console=ttyS0\n',
    )
    expect(dryRunYaml(config)).toContain(`    cmdline: ${'console=ttyS0 '.repeat(8).trim()}\n`)
  })

  test('can be read again', () => {
    expect(configOf(metadataYaml(CONFIG))).toMatchObject({ services: [{ name: 'yes', annotations: { a2: '1', a10: 'x' }, uid: 5 }] })
  })

  test.each([
    ['v3', STYLE_V3],
    ['v2', STYLE_V2],
  ])('means what was written, for any data (%s)', (_, style) => {
    const text = oneof(
      string({ unit: 'grapheme', maxLength: 200 }),
      string({ unit: 'binary' }),
      string({ unit: 'binary-ascii', minLength: 100 }),
      string({ unit: constantFrom(...'\n\n \tax:-#'.split('')) }),
    )
    const inner = oneof(text, boolean(), integer(), array(text, { maxLength: 3 }))
    const key = oneof(string(), string({ unit: constantFrom(...'\n ax:-?'.split('')) }))
    const object = dictionary(key, inner, { maxKeys: 3 })
    assert(
      property(dictionary(key, oneof(inner, array(object, { maxLength: 3 }), object), { maxKeys: 3 }), (data) => {
        expect(parseDocument(writeYaml({ data }, style), 'a.yml').value).toEqual({ data })
      }),
      { numRuns: 200 },
    )
  })
})

test('metadata as JSON has null for lists without items and escapes as Go does', () => {
  const json = metadataJson(CONFIG)
  expect(json).toContain('"contents": "hello\\n\\u003cworld\\u003e\\n"')
  expect(JSON.parse(json)).toMatchObject({
    kernel: { image: 'docker.io/linuxkit/kernel:1' },
    onboot: null,
    services: [
      { image: 'docker.io/library/nginx', binds: [], mounts: [{ destination: '/b', type: 'bind', source: '/a', options: ['rw'] }] },
    ],
    volumes: [{ image: 'data' }],
  })
})
