import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LinuxkitError } from '../../base/errors.js'
import { depmod, moduleName } from './depmod.js'
import { readModuleInfo } from './modinfo.js'
import { testModule, type TestModule } from './test-module.js'

const RELEASE = '6.1.0-test'

const MODULES: Readonly<Record<string, TestModule>> = {
  'kernel/lib/crc16.ko': { info: ['license=GPL', 'depends='], exports: ['crc16'] },
  'kernel/lib/mb-cache.ko': { info: ['depends='], exports: ['mb_create'] },
  'kernel/fs/jbd2.ko': { info: ['depends=crc16'], imports: ['crc16'], exports: ['jbd2_init'] },
  'kernel/fs/ext4.ko': {
    info: ['alias=fs-ext4', 'softdep=pre: crc32c', 'depends=jbd2,mb-cache,crc16', 'alias=ext3'],
    imports: ['jbd2_init', 'mb_create', 'crc16'],
  },
  'kernel/drivers/fuse-dev.ko': { info: ['alias=devname:fuse', 'alias=char-major-10-229', 'alias=fs-fuse', 'depends='] },
  'kernel/drivers/loop.ko': { info: ['alias=block-major-7-*', 'alias=devname:loop-control', 'alias=char-major-10-237', 'depends='] },
}
const ORDER = ['kernel/fs/ext4.ko', 'kernel/lib/crc16.ko', 'kernel/fs/jbd2.ko', 'kernel/drivers/loop.ko']

function indexes(modules = MODULES): ReadonlyMap<string, string> {
  const read = Object.entries(modules).map(([path, module]) => ({ path, info: readModuleInfo(testModule(module), path) }))
  return depmod(read, ORDER)
}

/** modules.dep with the needed modules of each line in order, for their own order may differ where both are right. */
function dependencies(text: string): Readonly<Record<string, readonly string[]>> {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/:? /))
  return Object.fromEntries(lines.map(([path = '', ...needed]) => [path.replace(/:$/, ''), needed.sort()]))
}

test('writes what modprobe reads', () => {
  const files = indexes()
  expect(files.get('modules.dep')).toBe(
    `kernel/fs/ext4.ko: kernel/lib/mb-cache.ko kernel/fs/jbd2.ko kernel/lib/crc16.ko
kernel/lib/crc16.ko:
kernel/fs/jbd2.ko: kernel/lib/crc16.ko
kernel/drivers/loop.ko:
kernel/drivers/fuse-dev.ko:
kernel/lib/mb-cache.ko:
`,
  )
  expect(files.get('modules.devname')).toBe(
    '# Device nodes to trigger on-demand module loading.\nloop loop-control c10:237\nfuse_dev fuse c10:229\n',
  )
  expect(files.get('modules.softdep')).toContain('softdep ext4 pre: crc32c\n')
})

function failureOf(action: () => void): unknown {
  try {
    action()
    return undefined
  } catch (error) {
    return error
  }
}

const hasDepmod =
  spawnSync('depmod', ['--version'], { env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } }).status === 0

test.skipIf(!hasDepmod)('agrees with depmod of kmod', async () => {
  const root = await mkdtemp(join(tmpdir(), 'linuxkit-depmod-'))
  try {
    const tree = join(root, 'lib/modules', RELEASE)
    for (const [path, module] of Object.entries(MODULES)) {
      await mkdir(dirname(join(tree, path)), { recursive: true })
      await writeFile(join(tree, path), testModule(module))
    }
    await writeFile(join(tree, 'modules.order'), `${ORDER.join('\n')}\n`)
    await writeFile(join(tree, 'modules.builtin'), '')
    const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
    expect(spawnSync('depmod', ['-b', root, RELEASE], { env, encoding: 'utf8' })).toMatchObject({ status: 0 })
    const files = indexes()
    const theirs = (name: string) => readFile(join(tree, name), 'utf8')
    expect(dependencies(files.get('modules.dep') ?? '')).toEqual(dependencies(await theirs('modules.dep')))
    for (const name of ['modules.alias', 'modules.softdep', 'modules.devname']) expect(files.get(name)).toBe(await theirs(name))
  } finally {
    await rm(root, { recursive: true })
  }
})

test('a module can be loaded when all to the right of it are', () => {
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(fc.nat(11), { maxLength: 4 }), { minLength: 1, maxLength: 12 }), (graph) => {
      const modules = graph.map((needs, index) => {
        // Needing only what comes before keeps the graph free of cycles.
        const names = needs.filter((other) => other < index).map((other) => `m${other}`)
        return { path: `kernel/m${index}.ko.xz`, info: [['depends', names.join(',')] as const] }
      })
      const lines = (depmod(modules, []).get('modules.dep') ?? '')
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/:? |:$/).filter(Boolean))
      for (const [path = '', ...needed] of lines) {
        const loaded = new Set<string>()
        for (const one of [path, ...needed].reverse()) {
          const module = modules.find((candidate) => candidate.path === one)
          for (const name of (module?.info[0]?.[1] ?? '').split(',').filter(Boolean)) expect(loaded).toContain(`kernel/${name}.ko.xz`)
          loaded.add(one)
        }
      }
    }),
  )
})

test('refuses what cannot be loaded', () => {
  expect(() => indexes({ 'kernel/a.ko': { info: ['depends=b'] } })).toThrow(/needs "b", which is not there/)
  expect(() => indexes({ 'kernel/a.ko': { info: ['depends=b'] }, 'kernel/b.ko': { info: ['depends=a'] } })).toThrow(/depends on itself/)
})

describe('readModuleInfo', () => {
  test.each([
    [32, false],
    [32, true],
    [64, false],
    [64, true],
  ] as const)('reads %i bits, big endian: %s', (bits, bigEndian) => {
    const module = testModule({ info: ['license=GPL', 'parm=debug:a=b', 'depends='], bits, bigEndian })
    const expected = [
      ['license', 'GPL'],
      ['parm', 'debug:a=b'],
      ['depends', ''],
    ]
    expect(readModuleInfo(module, 'x')).toEqual(expected)
    // At an offset in a larger buffer, as slices of a read are.
    expect(readModuleInfo(Buffer.concat([Buffer.alloc(3), module]).subarray(3), 'x')).toEqual(expected)
  })

  test('survives damage', () => {
    const module = testModule({ info: ['depends='] })
    fc.assert(
      fc.property(fc.nat(module.length), fc.array(fc.tuple(fc.nat(module.length - 1), fc.nat(255))), (length, changes) => {
        const damaged = Buffer.from(module.subarray(0, length))
        for (const [position, value] of changes) if (position < length) damaged[position] = value
        expect(failureOf(() => readModuleInfo(damaged, 'x'))).toSatisfy((error) => error === undefined || error instanceof LinuxkitError)
      }),
    )
  })
})

test('names of modules', () => {
  expect(['kernel/snd-pcm.ko', 'kernel/a/b-c.ko.xz', 'd_e.ko.zst', 'f.ko.gz'].map(moduleName)).toEqual(['snd_pcm', 'b_c', 'd_e', 'f'])
})
