import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, cp, link, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { silent } from '../base/progress.js'
import { openCache, type ImageCache } from '../image/cache.js'
import { buildPackage, parsePlatforms, type BuildOptions } from './builder.js'
import type * as debian from './debian/index.js'
import { PackageSet } from './debian/package-set.js'
import { resolvePackages } from './debian/resolve.js'
import { testModule } from './kernel/test-module.js'

/** An archive of packages that the tests make; resolution and unpacking are the real ones. */
const archive: debian.DownloadedPackage[] = []
vi.mock('./debian/index.js', async (original) => ({
  ...(await original<typeof debian>()),
  openDebianArchive: async ({ arch, release = '' }: debian.DebianArchiveOptions): Promise<debian.DebianArchive> => ({
    arch,
    release,
    resolve: (names, exclude) => resolvePackages(new PackageSet(archive, arch), names, exclude),
    download: async (packages) => packages as readonly debian.DownloadedPackage[],
  }),
}))

let root: string
let pkg: string
let cache: ImageCache

async function put(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  await chmod(path, mode)
}

async function deb(name: string, depends: string, fill: (directory: string) => Promise<void>): Promise<void> {
  const directory = join(root, 'debs', name)
  const control = `Package: ${name}\nVersion: 1:2-3\nArchitecture: amd64\nMaintainer: Test <test@example.org>\nDescription: test\n`
  await put(join(directory, 'DEBIAN/control'), control)
  await fill(directory)
  const path = join(root, `${name}.deb`)
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z0', '-b', directory, path], { stdio: 'pipe' })
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
  const origin = {
    architecture: 'amd64',
    source: name,
    sourceVersion: '1:2-3',
    priority: 'optional',
    description: 'test',
    archive: '',
    filename: '',
  }
  archive.push({ ...origin, name, version: '1:2-3', depends, provides: '', size: (await stat(path)).size, sha256, path })
}

const LIBRARIES = 'usr/lib/x86_64-linux-gnu'

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'linuxkit-builder-'))
  await deb('tool', 'libc6, debconf', async (directory) => {
    await put(join(directory, 'usr/bin/tool'), 'tool', 0o4755)
    await link(join(directory, 'usr/bin/tool'), join(directory, 'usr/bin/alias'))
    await put(join(directory, 'usr/share/doc/tool/copyright'), 'free')
    await put(join(directory, 'lib/udev/rules'), 'rules')
  })
  await deb('libc6', '', async (directory) => {
    await put(join(directory, LIBRARIES, 'ld-linux-x86-64.so.2'), 'loader', 0o755)
    await symlink('usr/lib', join(directory, 'lib'))
  })
  await deb('debconf', '', (directory) => put(join(directory, 'usr/sbin/debconf'), 'perl'))
  await deb('ca-certificates', '', async (directory) => {
    for (const name of ['B', 'A']) await put(join(directory, `usr/share/ca-certificates/mozilla/${name}.crt`), `${name}\n`)
  })
  await deb('linux-image', '', async (directory) => {
    const modules = join(directory, 'usr/lib/modules/6.1-test')
    await put(join(directory, 'boot/vmlinuz-6.1-test'), 'kernel')
    await put(join(directory, 'boot/config-6.1-test'), 'CONFIG_RD_ZSTD=y\nCONFIG_RD_GZIP=y\n# CONFIG_RD_XZ is not set\n')
    await put(join(modules, 'modules.order'), 'kernel/fs/ext4.ko\nkernel/lib/crc16.ko\n')
    await put(join(modules, 'modules.builtin'), '')
    for (const [path, depends] of [
      ['fs/ext4', 'crc16'],
      ['lib/crc16', ''],
      ['sound/snd', ''],
    ]) {
      const module = execFileSync('xz', ['-c'], { input: testModule({ info: [`depends=${depends}`, `alias=${path}`] }) })
      await put(join(modules, `kernel/${path}.ko.xz`), module)
    }
  })
})

afterAll(() => rm(root, { recursive: true, force: true }))

beforeEach(async () => {
  pkg = await mkdtemp(join(root, 'package-'))
  cache = await openCache(await mkdtemp(join(root, 'cache-')))
})

async function build(yml: string, options: Partial<BuildOptions> = {}) {
  await put(join(pkg, 'build.yml'), yml)
  const all: BuildOptions = {
    platforms: ['amd64'],
    cache,
    progress: silent,
    signal: new AbortController().signal,
    hash: 'test',
    ...options,
  }
  const { reference, descriptor } = await buildPackage(pkg, all)
  const image = await all.cache.find(reference, { os: 'linux', architecture: all.platforms[0] ?? '' })
  if (image === undefined) throw new Error('nothing was built')
  return { image, descriptor, reference }
}

/** What GNU tar finds in the only layer: mode, owner, path and target. */
async function listing({ image }: Awaited<ReturnType<typeof build>>): Promise<readonly string[]> {
  const layer = image.manifest.layers[0]
  const path = join(cache.directory, 'blobs/sha256', layer?.digest.slice('sha256:'.length) ?? '')
  const lines = execFileSync('tar', ['-tzvf', path, '--numeric-owner'], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } }).trimEnd()
  return lines.split('\n').map((line) => {
    const [, mode, owner, time, name] = /^(\S+) (\S+) +\d+ (\S+ \S+) (.*)$/.exec(line) ?? []
    expect(time).toBe('2017-04-18 16:30')
    return `${mode} ${owner} ${name}`
  })
}

function contentOf({ image }: Awaited<ReturnType<typeof build>>, path: string): Buffer {
  const digest = image.manifest.layers[0]?.digest.slice('sha256:'.length) ?? ''
  return execFileSync('tar', ['-xzOf', join(cache.directory, 'blobs/sha256', digest), path])
}

test('packages with their dependencies, and files over them', async () => {
  await put(join(pkg, 'conf'), 'conf')
  const built = await build(`image: x
debian:
  packages: [tool]
  exclude: [debconf]
  files:
    - {path: etc/conf, source: conf, mode: "0600", uid: 5}
    - {path: lib/own, contents: own}
    - {path: arm, contents: arm, arches: [arm64]}
  links:
    usr/bin/tool: ["bin/{a,b}"]
`)
  expect(await listing(built)).toEqual([
    'lrwxrwxrwx 0/0 bin -> usr/bin',
    'drwxr-xr-x 0/0 etc/',
    '-rw------- 5/0 etc/conf',
    'lrwxrwxrwx 0/0 lib -> usr/lib',
    'lrwxrwxrwx 0/0 lib64 -> usr/lib64',
    'lrwxrwxrwx 0/0 sbin -> usr/sbin',
    'drwxr-xr-x 0/0 usr/',
    'drwxr-xr-x 0/0 usr/bin/',
    'lrwxrwxrwx 0/0 usr/bin/a -> /usr/bin/tool',
    '-rwsr-xr-x 0/0 usr/bin/alias',
    'lrwxrwxrwx 0/0 usr/bin/b -> /usr/bin/tool',
    'hrwsr-xr-x 0/0 usr/bin/tool link to usr/bin/alias',
    'drwxr-xr-x 0/0 usr/lib/',
    '-rw-r--r-- 0/0 usr/lib/own',
    'drwxr-xr-x 0/0 usr/lib/udev/',
    '-rw-r--r-- 0/0 usr/lib/udev/rules',
    'drwxr-xr-x 0/0 usr/lib/x86_64-linux-gnu/',
    '-rwxr-xr-x 0/0 usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    'drwxr-xr-x 0/0 usr/lib64/',
    'lrwxrwxrwx 0/0 usr/lib64/ld-linux-x86-64.so.2 -> /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    'drwxr-xr-x 0/0 usr/sbin/',
    'drwxr-xr-x 0/0 usr/share/',
  ])
  expect(built.image.config.config?.Labels).toEqual({ 'org.linuxkit.debian.packages': 'libc6=1:2-3 tool=1:2-3' })
  expect(await built.image.sboms()).toEqual([
    expect.objectContaining({
      spdxVersion: 'SPDX-2.3',
      packages: expect.arrayContaining([expect.objectContaining({ name: 'libc6', versionInfo: '1:2-3' })]),
    }),
  ])
})

test('a root that is not merged has no links but that to the loader', async () => {
  const built = await build(`image: x
config: {command: [/init], readonly: true}
debian:
  packages: [tool, ca-certificates]
  merged-usr: false
  keep: [usr/bin/tool, usr/lib/*/ld*.so.*]
  ca-bundle: true
  users: []
  files: [{path: lib/own, contents: own}]
`)
  expect((await listing(built)).filter((line) => !line.startsWith('d'))).toEqual([
    '-rw-r--r-- 0/0 etc/group',
    '-rw-r--r-- 0/0 etc/passwd',
    '-rw-r--r-- 0/0 etc/ssl/certs/ca-certificates.crt',
    '-rw-r--r-- 0/0 lib/own',
    'lrwxrwxrwx 0/0 lib64/ld-linux-x86-64.so.2 -> /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    '-rwsr-xr-x 0/0 usr/bin/tool',
    '-rwxr-xr-x 0/0 usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
  ])
  expect(contentOf(built, 'etc/ssl/certs/ca-certificates.crt').toString()).toBe('A\nB\n')
  expect(built.image.config.config?.Labels?.['org.mobyproject.config']).toBe('{"command":["/init"],"readonly":true}')
})

test('a kernel with the modules that are wanted and those that they need', async () => {
  const built = await build(`image: kernel
debian: {packages: [linux-image], kernel: {modules: {keep: [fs/**], remove: [sound]}}}
`)
  expect(await listing(built)).toEqual(['-rw-r--r-- 0/0 kernel', '-rw-r--r-- 0/0 kernel-config', '-rw-r--r-- 0/0 kernel.tar'])
  expect(built.image.config.config?.Labels).toMatchObject({
    'org.linuxkit.kernel.release': '6.1-test',
    'org.linuxkit.kernel.initrd': 'gzip,zstd',
  })
  const tar = (...args: readonly string[]): string => execFileSync('tar', args, { input: contentOf(built, 'kernel.tar'), encoding: 'utf8' })
  expect(tar('-t').trimEnd().split('\n')).toEqual(
    ['', 'kernel/', 'kernel/fs/', 'kernel/fs/ext4.ko.xz', 'kernel/lib/', 'kernel/lib/crc16.ko.xz']
      .concat(['alias', 'builtin', 'dep', 'devname', 'order', 'softdep'].map((name) => `modules.${name}`))
      .map((path) => `lib/modules/6.1-test/${path}`)
      .toSpliced(0, 0, 'lib/', 'lib/modules/'),
  )
  expect(tar('-xO', 'lib/modules/6.1-test/modules.dep')).toBe('kernel/fs/ext4.ko.xz: kernel/lib/crc16.ko.xz\nkernel/lib/crc16.ko.xz:\n')

  const plain = await build('image: plain\ndebian: {packages: [linux-image], kernel: {decompress: true}}\n')
  const modules = execFileSync('tar', ['-xO', 'lib/modules/6.1-test/kernel/fs/ext4.ko'], { input: contentOf(plain, 'kernel.tar') })
  expect(modules).toEqual(testModule({ info: ['depends=crc16', 'alias=fs/ext4'] }))
})

test('a guest program, static and the same wherever it is built', async () => {
  await put(join(root, 'guest/go.mod'), 'module guest\n\ngo 1.19\n')
  await put(join(root, 'guest/cmd/hello/main.go'), 'package main\n\nfunc main() { println("hello") }\n')
  await cp(join(root, 'guest'), join(root, 'elsewhere'), { recursive: true })
  const yml = (source: string): string => `image: x\ndebian: {programs: [{program: hello, path: /bin/hello, source: ${source}}]}\n`
  const built = await build(yml('../guest'))
  const program = contentOf(built, 'usr/bin/hello')
  expect(program.subarray(0, 4).toString('latin1')).toBe('\x7fELF')
  expect(contentOf(await build(yml('../elsewhere'), { force: true }), 'usr/bin/hello').equals(program)).toBe(true)
  await expect(
    build('image: x\ndebian: {programs: [{program: nope, path: /x, source: ../guest}]}\n', { force: true }),
  ).rejects.toMatchObject({
    code: 'pkg/no-program',
  })
})

test('is built once, and the same again', async () => {
  const yml = 'image: x\ndebian: {packages: [tool], files: [{path: a, contents: a}]}\n'
  const first = await build(yml)
  await rm(join(cache.directory, 'blobs/sha256', first.image.manifest.config.digest.slice('sha256:'.length)))
  expect((await build(yml)).descriptor.digest).toBe(first.descriptor.digest)
  const written = (await stat(join(cache.directory, 'index.json'))).mtimeMs
  expect((await build(yml)).descriptor.digest).toBe(first.descriptor.digest)
  expect((await stat(join(cache.directory, 'index.json'))).mtimeMs).toBe(written)

  vi.stubEnv('TZ', 'Asia/Tokyo')
  const umask = process.umask(0o077)
  try {
    cache = await openCache(join(root, 'other-cache'))
    expect((await build(yml)).descriptor.digest).toBe(first.descriptor.digest)
  } finally {
    process.umask(umask)
    vi.unstubAllEnvs()
  }
})

test('leaves nothing behind but the image', async () => {
  await build('image: x\ndebian: {packages: [tool]}\n')
  expect(execFileSync('find', [cache.directory, '-name', '.tmp-*'], { encoding: 'utf8' })).toBe('')
})

test.each([
  ['image: x\n', 'pkg/needs-buildkit', undefined],
  ['image: x\narches: [arm64]\ndebian: {}\n', 'pkg/arch', 2],
  ['image: x\ndebian:\n  packages:\n    - tool\n    - {name: tooll}\n', 'debian/unknown-package', 5],
  ['image: x\ndebian:\n  packages: [tool]\n  ca-bundle: true\n', 'pkg/no-certificates', 4],
  ['image: x\ndebian:\n  packages: [tool]\n  kernel: {}\n', 'kernel/not-found', undefined],
  ['image: X\ndebian: {}\n', 'image/bad-reference', undefined],
])('says what is wrong with %j', async (yml, code, line) => {
  await expect(build(yml)).rejects.toMatchObject({ code, ...(line === undefined ? {} : { where: { line } }) })
})

test('parsePlatforms', () => {
  expect(parsePlatforms('linux/amd64, arm64,linux/x86_64')).toEqual(['amd64', 'arm64'])
  expect(() => parsePlatforms('linux/vax')).toThrow(/"vax" is not an architecture/)
})
