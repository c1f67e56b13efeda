import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { loadPackage } from './package.js'

let root: string
let pkg: string

function git(...args: readonly string[]): string {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org']
  return execFileSync('git', ['-C', root, ...identity, ...args], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true })
  await writeFile(join(root, path), text)
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'linuxkit-tag-')))
  pkg = join(root, 'pkg/foo')
  await put('pkg/foo/build.yml', 'image: foo\n')
  await put('pkg/foo/data', 'one')
  await put('guest/main.go', 'package main')
})

afterEach(() => rm(root, { recursive: true, force: true }))

function commit(): void {
  git('init', '-q')
  git('add', '-A')
  git('commit', '-q', '-m', 'x')
}

test('outside git there is no hash but the given one', async () => {
  const one = await loadPackage(pkg)
  expect(one).toMatchObject({ tag: 'linuxkit/foo:latest', hash: '', dirty: false })
  expect(await one.revision()).toBeUndefined()
  expect((await loadPackage(pkg, { hash: 'abc', org: '' })).tag).toBe('/foo:abc')
  expect((await loadPackage(pkg, { tag: 'v-{{.Hash}}' })).tag).toBe('linuxkit/foo:v-')
})

test('for development it is of the user', async () => {
  vi.stubEnv('USER', 'someone')
  onTestFinished(() => void vi.unstubAllEnvs())
  expect((await loadPackage(pkg, { dev: true })).tag).toBe('someone/foo:dev')
  expect((await loadPackage(pkg, { dev: true, org: 'o', hash: 'h' })).tag).toBe('o/foo:h')
})

test("in git it is the hash of the package's tree", async () => {
  commit()
  const tree = git('rev-parse', 'HEAD:pkg/foo')
  const one = await loadPackage(pkg)
  expect(one).toMatchObject({ tag: `linuxkit/foo:${tree}`, dirty: false })
  expect(await one.revision()).toBe(git('rev-parse', 'HEAD'))
  expect((await loadPackage(`${pkg}/../foo/`, { tag: 'v1-{{slice .Hash 0 8}}-{{ printf "%.4s" .Hash }}' })).tag).toBe(
    `linuxkit/foo:v1-${tree.slice(0, 8)}-${tree.slice(0, 4)}`,
  )
  expect((await loadPackage(pkg, { hashPath: join(root, 'pkg') })).hash).toBe(git('rev-parse', 'HEAD:pkg'))
  await put('build.yml', 'image: whole\n')
  git('add', '-A')
  git('commit', '-q', '-m', 'y')
  expect((await loadPackage(root)).hash).toBe(git('rev-parse', 'HEAD^{tree}'))
})

test('extra sources and the sources of guest programs count', async () => {
  const programs = 'debian: {programs: [{program: a, path: a}, {program: b, path: b}]}'
  await put('lib/x', 'x')
  await put('pkg/foo/build.yml', `image: foo\nextra-sources: ["../../lib:lib"]\n${programs}\n`)
  commit()
  const hashes = ['pkg/foo', 'lib', 'guest'].map((path) => git('rev-parse', `HEAD:${path}`))
  expect(await loadPackage(pkg)).toMatchObject({ hash: sha1(hashes.join('')), dirty: false })
  await put('lib/x', 'changed')
  expect((await loadPackage(pkg)).dirty).toBe(false)
  await put('guest/main.go', 'changed')
  expect((await loadPackage(pkg)).dirty).toBe(true)
})

test.each([
  ['a change', () => put('pkg/foo/data', 'two'), 'image: foo\ntwo'],
  ['a new file', () => put('pkg/foo/more', 'three'), 'image: foo\nonethree'],
  ['a deleted file', () => rm(join(pkg, 'data')), 'image: foo\n'],
  ['a new link', () => symlink('data', join(pkg, 'link')), 'image: foo\none'],
])('%s makes it dirty', async (_, change, contents) => {
  commit()
  const { hash } = await loadPackage(pkg)
  await change()
  const suffix = createHash('sha256').update(contents).digest('hex').slice(0, 7)
  const one = await loadPackage(pkg)
  expect(one).toMatchObject({ hash: `${hash}-dirty-${suffix}`, dirty: true })
  expect(await one.revision()).toBeUndefined()
  expect(await loadPackage(pkg, { hash: 'abc' })).toMatchObject({ hash: 'abc', dirty: true })
  expect(await loadPackage(pkg, { hashCommit: git('rev-parse', 'HEAD') })).toMatchObject({ hash, dirty: false })
})

test('ignored and foreign files do not make it dirty', async () => {
  await put('.gitignore', '*.o\n')
  commit()
  await put('pkg/foo/x.o', '')
  await put('pkg/bar/new', '')
  expect((await loadPackage(pkg)).dirty).toBe(false)
  expect(await loadPackage(pkg, { forceDirty: true })).toMatchObject({ dirty: true })
})

test('says what is wrong', async () => {
  git('init', '-q')
  git('commit', '-q', '--allow-empty', '-m', 'x')
  await expect(loadPackage(pkg)).rejects.toMatchObject({ code: 'pkg/not-in-git' })
  await expect(loadPackage(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'pkg/no-build-yml' })
  await expect(loadPackage(pkg, { hash: 'x', tag: '{{.Hash' })).rejects.toMatchObject({ code: 'pkg/tag-template' })
  await expect(loadPackage(pkg, { hashPath: join(root, 'guest') })).rejects.toMatchObject({ code: 'pkg/hash-path' })
})
