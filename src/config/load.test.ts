import { createServer } from 'node:http'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { array, assert, asyncProperty, constantFrom, nat, tuple } from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LinuxkitError, LinuxkitErrors } from '../base/errors.js'
import { loadConfig, type LoadOptions } from './load.js'
import { kernelFiles } from './schema.js'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-config-'))
})

afterAll(() => rm(directory, { recursive: true }))

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  return path
}

function stdin(text: string): LoadOptions {
  return {
    stdin: (async function* () {
      yield Buffer.from(text)
    })(),
  }
}

function failure(sources: readonly string[], options?: LoadOptions): Promise<unknown> {
  return loadConfig(sources, options).then(
    () => undefined,
    (error: unknown) => error,
  )
}

const EXAMPLE = `# an image with a bit of everything
kernel:
  image: linuxkit/kernel:6.6
  cmdline: "console=tty0 console=ttyS0"
init:
  - linuxkit/init:v1
  - linuxkit/runc:v1
onboot:
  - name: dhcpcd
    image: linuxkit/dhcpcd:v1
    command: ["/sbin/dhcpcd", "--nobackground"]
services:
  - name: web
    image: nginx:1.27
    capabilities:
      - CAP_NET_BIND_SERVICE
    binds:
      - data:/var/www:ro
    runtime:
      mkdir: [/var/run/web]
files:
  - path: etc/linuxkit-config
    metadata: yaml
  - path: etc/motd
    contents: |
      hello
    mode: "0644"
volumes:
  - name: data
    image: example.org/data:1
    readonly: true
trust:
  org:
    - linuxkit
`

describe('loading', () => {
  test('reads a whole configuration and knows where everything stands', async () => {
    const path = await file('a.yml', EXAMPLE)
    const { config, placeOf } = await loadConfig([path])
    expect(config).toMatchObject({
      kernel: { image: 'linuxkit/kernel:6.6' },
      init: ['linuxkit/init:v1', 'linuxkit/runc:v1'],
      onboot: [{ name: 'dhcpcd' }],
      onshutdown: [],
      services: [{ name: 'web', runtime: { mkdir: ['/var/run/web'] } }],
      files: [{ metadata: 'yaml' }, { contents: 'hello\n', mode: '0644' }],
      volumes: [{ name: 'data', readonly: true }],
    })
    expect(placeOf('services[0].image')).toEqual({ file: path, line: 14, column: 12, text: '    image: nginx:1.27' })
    expect(placeOf('init[1]')).toMatchObject({ line: 7 })
    expect(placeOf('kernel')).toMatchObject({ line: 3 })
    expect(placeOf(['volumes', 0, 'image'])).toMatchObject({ line: 30 })
    expect(placeOf('services[7]')).toBeUndefined()
  })

  test('takes an empty document for a configuration with nothing in it', async () => {
    const { config } = await loadConfig(['-'], stdin('---\n'))
    expect(config).toEqual({ kernel: {}, init: [], onboot: [], onshutdown: [], services: [], files: [], volumes: [] })
  })

  test('reads from URLs and says when one is not there', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/a.yml' ? 200 : 404
      response.end('init: [a:1]')
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    try {
      const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      expect((await loadConfig([`${base}/a.yml`])).config.init).toEqual(['a:1'])
      expect(await failure([`${base}/b.yml`])).toMatchObject({ code: 'config/unreadable', message: `${base}/b.yml answers 404 Not Found` })
    } finally {
      server.close()
    }
  })

  test('says what is wrong with a source', async () => {
    expect(await failure([join(directory, 'none.yml')])).toMatchObject({ code: 'config/unreadable' })
    expect(await failure([directory])).toMatchObject({ code: 'config/unreadable' })
    expect(await failure(['-', '-'], stdin('{}'))).toMatchObject({ code: 'config/stdin-twice' })
    await writeFile(join(directory, 'latin.yml'), Buffer.from([0x61, 0x3a, 0x20, 0xe4]))
    expect(await failure([join(directory, 'latin.yml')])).toMatchObject({ code: 'config/not-utf8' })
  })
})

describe('merging', () => {
  test('concatenates lists and replaces values of the kernel', async () => {
    const first = await file('m1.yml', 'kernel: {image: k:1, cmdline: a, tar: t, binary: b}\ninit: [a:1]\nonboot: [{name: x, image: a:1}]')
    const second = await file('m2.yml', 'kernel: {image: k:2, cmdline: "", tar: ""}\ninit: [a:1, b:1]\nonboot: [{name: x, image: b:1}]')
    const { config, placeOf } = await loadConfig([first, second])
    expect(config.kernel).toEqual({ image: 'k:2', cmdline: 'a', tar: '', binary: 'b' })
    expect(config.init).toEqual(['a:1', 'a:1', 'b:1'])
    expect(placeOf('onboot[1].image')).toMatchObject({ file: second, line: 3 })
    expect(placeOf('kernel.binary')).toMatchObject({ file: first, line: 1 })
    expect(kernelFiles(config.kernel)).toEqual({ cmdline: 'a', binary: 'b', tar: undefined, ucode: undefined })
    expect(kernelFiles({})).toEqual({ cmdline: '', binary: 'kernel', tar: 'kernel.tar', ucode: undefined })
  })

  test('refuses two services of one name, in one file or in two', async () => {
    const service = 'services:\n  - name: web\n    image: a:1\n'
    const first = await file('s1.yml', service)
    const second = await file('s2.yml', `# other\n${service}`)
    expect(await failure([first, second])).toMatchObject({
      code: 'config/duplicate-service',
      where: { file: second, line: 3 },
      hint: `the other one stands in ${first}:2; give each its own name`,
    })
  })
})

describe('checks', () => {
  test.each([
    ['volumes: [{name: VolA}]', 'config/volume-name', 18],
    ['volumes: [{name: a}, {name: a}]', 'config/duplicate-volume', 29],
    ['init: ["http://a/b"]', 'image/bad-reference', 8],
    ['services: [{name: a, image: A:1}]', 'image/bad-reference', 29],
    ['kernel: {image: "a b"}', 'image/bad-reference', 17],
  ])('refuses %s', async (text, code, column) => {
    expect(await failure(['-'], stdin(text))).toMatchObject({ code, where: { file: 'standard input', line: 1, column } })
  })

  test('reports all of them', async () => {
    const error = await failure(['-'], stdin('init: ["A"]\nvolumes: [{name: B}]'))
    expect(error).toBeInstanceOf(LinuxkitErrors)
    expect((error as LinuxkitErrors).errors).toHaveLength(2)
  })
})

describe('packages', () => {
  const resolvePackage = (path: string): Promise<string> => {
    if (path.endsWith('broken')) return Promise.reject(new LinuxkitError('pkg/no-build-yml', `${path} has no build.yml`))
    return Promise.resolve(`linuxkit/${path.split('/').at(-1)}:hash`)
  }

  test('become the tags of their images, relative to the yml', async () => {
    const path = await file(
      'sub/p.yml',
      'kernel: {image: "@pkg:../kernel"}\nfiles: [{path: a, contents: "@pkg:./x"}, {path: b, contents: "@reboot"}]',
    )
    const { config, packages } = await loadConfig([path], { resolvePackage })
    expect(config.kernel.image).toBe('linuxkit/kernel:hash')
    expect(config.files.map(({ contents }) => contents)).toEqual(['linuxkit/x:hash', '@reboot'])
    expect([...packages]).toEqual([
      ['docker.io/linuxkit/kernel:hash', join(directory, 'kernel')],
      ['docker.io/linuxkit/x:hash', join(directory, 'sub/x')],
    ])
  })

  test('may stand in keys, too', async () => {
    const path = await file('k.yml', 'services: [{name: s, image: a, annotations: {"@pkg:x": "@pkg:y"}}]')
    const { config } = await loadConfig([path], { resolvePackage })
    expect(config.services[0]?.annotations).toEqual({ 'linuxkit/x:hash': 'linuxkit/y:hash' })
  })

  test('are looked for from standard input only behind a file', async () => {
    const text = 'init: ["@pkg:pkg/a"]'
    expect(await failure(['-'], { ...stdin(text), resolvePackage })).toMatchObject({ code: 'image/bad-reference', where: { column: 8 } })
    const path = await file('empty.yml', '{}')
    expect((await loadConfig([path, '-'], { ...stdin(text), resolvePackage })).config.init).toEqual(['linuxkit/a:hash'])
  })

  test('that do not resolve are an error at their place', async () => {
    const path = await file('q.yml', 'init:\n  - "@pkg:broken"\n')
    expect(await failure([path], { resolvePackage })).toMatchObject({
      code: 'pkg/no-build-yml',
      message: `init[0]: ${join(directory, 'broken')} has no build.yml`,
      where: { file: path, line: 2, column: 5 },
    })
  })
})

test('fails with nothing but errors for users, whatever is done to a yml', async () => {
  const pieces = [
    '',
    ' ',
    '\n',
    ':',
    '- ',
    '{',
    '[',
    '"',
    'x',
    '0',
    '*a',
    '&a ',
    '~',
    '\t',
    '|',
    '@pkg:',
    '<<: ',
    '#',
    '!!int ',
    'constructor: ',
    '__proto__: {}',
    '\u{0}',
    'é',
  ]
  const edits = array(tuple(nat(EXAMPLE.length), nat(12), constantFrom(...pieces)), { minLength: 1, maxLength: 4 })
  const edit = asyncProperty(edits, async (list) => {
    const text = list.reduce((before, [at, length, piece]) => before.slice(0, at) + piece + before.slice(at + length), EXAMPLE)
    const error = await failure(['-'], stdin(text))
    return error === undefined || error instanceof LinuxkitError
  })
  await assert(edit, { numRuns: 300 })
})
