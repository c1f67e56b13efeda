import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PrivateKey } from 'openpgp'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ProgressEvent } from '../../base/progress.js'
import { openDebianArchive, type DebianArchive, type DebianArchiveOptions } from './index.js'
import { fakePackage, FixtureMirror, newKey } from './mirror.fixture.js'

const DAY = 24 * 3600 * 1000
const PACKAGES = [fakePackage('app', '1.0-1', { Depends: 'lib (>= 2)', Architecture: 'all' }), fakePackage('lib', '2.0-1')]
const INDEX = '/debian/dists/trixie/main/binary-amd64/Packages.gz'
const LIB = '/debian/pool/lib_2.0-1.deb'

let key: PrivateKey
let mirror: FixtureMirror
let directory: string
let events: ProgressEvent[]

beforeAll(async () => {
  key = await newKey()
})

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-debian-'))
  await writeFile(join(directory, 'keyring.asc'), key.toPublic().armor())
  events = []
  mirror = new FixtureMirror(key)
  await mirror.start()
  await mirror.publish('trixie', { packages: PACKAGES })
  await mirror.publish('trixie-security', { packages: [] })
})

afterEach(async () => {
  await mirror.stop()
  await rm(directory, { recursive: true })
})

function open(options: Partial<DebianArchiveOptions> = {}): Promise<DebianArchive> {
  return openDebianArchive({
    arch: 'amd64',
    cacheDirectory: join(directory, 'cache'),
    mirror: mirror.url,
    keyring: join(directory, 'keyring.asc'),
    aptDirectory: directory,
    environment: {},
    progress: (event) => events.push(event),
    signal: new AbortController().signal,
    retryDelay: 1,
    ...options,
  })
}

function warnings(): readonly string[] {
  return events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
}

function kept(part: 'lists' | 'pool'): Promise<readonly string[]> {
  return readdir(join(directory, 'cache', 'debian', part))
}

describe('openDebianArchive', () => {
  test('verifies, resolves and downloads', async () => {
    const archive = await open()
    const packages = archive.resolve(['app'])
    expect(packages.map(({ name, version, architecture }) => `${name} ${version} ${architecture}`)).toEqual([
      'app 1.0-1 all',
      'lib 2.0-1 amd64',
    ])
    const downloaded = await archive.download(packages)
    expect(await Promise.all(downloaded.map(({ path }) => readFile(path)))).toEqual(PACKAGES.map(({ deb }) => deb))
    expect(await kept('pool')).toEqual(downloaded.map(({ sha256 }) => `${sha256}.deb`).toSorted())
    const total = PACKAGES.reduce((sum, { deb }) => sum + deb.length, 0)
    expect(events).toContainEqual({ type: 'start', id: 'debian/trixie/amd64/1', title: '2 Debian packages', total })
    expect(events.findLast(({ type }) => type === 'advance')).toMatchObject({ done: total })
    expect(warnings()).toEqual([])
  })

  test('fetches lists and packages only once', async () => {
    await (await open()).download((await open()).resolve(['app']))
    mirror.requests.length = 0
    const archive = await open()
    await archive.download(archive.resolve(['app']))
    expect(mirror.requests.toSorted()).toEqual([
      '/debian-security/dists/trixie-security/InRelease',
      '/debian/dists/trixie-updates/InRelease',
      '/debian/dists/trixie/InRelease',
    ])
  })

  test('follows the archive when it changes, and drops the old list', async () => {
    await open()
    await mirror.publish('trixie', { packages: [...PACKAGES, fakePackage('new', '1')] })
    expect((await open()).resolve(['new'])).toHaveLength(1)
    expect((await kept('lists')).filter((name) => name.includes('_trixie_main'))).toHaveLength(1)
  })

  test('takes the newest version over release, updates and security', async () => {
    await mirror.publish('trixie-updates', { packages: [fakePackage('lib', '2.0-2')] })
    await mirror.publish('trixie-security', { packages: [fakePackage('lib', '2.0-1+deb13u1')] })
    expect((await open()).resolve(['lib'])).toMatchObject([{ version: '2.0-2', archive: mirror.url }])
    await mirror.publish('trixie-security', { packages: [fakePackage('lib', '2.0-2+deb13u1')] })
    const archive = await open()
    const [lib] = await archive.download(archive.resolve(['lib']))
    expect(lib).toMatchObject({ version: '2.0-2+deb13u1', archive: `${mirror.url}-security` })
  })

  test('serves other architectures, and says which there are', async () => {
    await expect(open({ arch: 'arm64' })).rejects.toMatchObject({ code: 'debian/no-architecture', hint: 'it has packages for amd64' })
    await mirror.publish('trixie', { packages: [fakePackage('lib', '2')], arch: 'arm64' })
    expect((await open({ arch: 'arm64' })).resolve(['lib'])).toMatchObject([{ architecture: 'arm64' }])
    await expect(open({ arch: 'arm64', components: ['universe'] })).rejects.toMatchObject({
      code: 'debian/no-component',
      hint: 'it has main',
    })
  })

  test('warns when there is no archive of security updates', async () => {
    mirror.files.delete('/debian-security/dists/trixie-security/InRelease')
    await open()
    expect(warnings()).toEqual([`${mirror.url}-security has no security updates of Debian trixie; going on without them`])
  })

  test('names a release that the mirror does not have', async () => {
    await expect(open({ release: 'tixie' })).rejects.toMatchObject({ code: 'debian/no-release' })
  })
})

describe('signatures', () => {
  test('refuses another key', async () => {
    await mirror.publish('trixie', { packages: PACKAGES, signer: await newKey() })
    await expect(open()).rejects.toMatchObject({ code: 'debian/bad-signature', hint: expect.stringContaining('debian-archive-keyring') })
    await expect(kept('lists')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('refuses a text that was changed', async () => {
    const path = '/debian/dists/trixie/InRelease'
    mirror.files.set(path, String(mirror.files.get(path)).replace(/^ [0-9a-f]{8}/m, ' 00000000'))
    await expect(open()).rejects.toMatchObject({ code: 'debian/bad-signature' })
  })

  test('takes nothing that stands outside of the signed text', async () => {
    const path = '/debian/dists/trixie/InRelease'
    mirror.files.set(path, `Components: evil\n\n${String(mirror.files.get(path))}\nComponents: evil\n`)
    await expect(open({ components: ['evil'] })).rejects.toMatchObject({ code: 'debian/no-component' })
  })

  test('refuses what is not signed at all', async () => {
    mirror.files.set('/debian/dists/trixie/InRelease', '<html>log in to the hotel network</html>')
    await expect(open()).rejects.toMatchObject({ code: 'debian/bad-signature' })
  })

  test('refuses the signed list of another suite', async () => {
    await mirror.publish('bookworm', { packages: [] })
    mirror.files.set('/debian/dists/trixie/InRelease', mirror.files.get('/debian/dists/bookworm/InRelease') ?? '')
    await expect(open()).rejects.toMatchObject({ code: 'debian/bad-release' })
  })

  test('refuses an expired list, unless that is wanted', async () => {
    await mirror.publish('trixie', { packages: PACKAGES, validUntil: new Date(Date.now() - DAY) })
    await expect(open()).rejects.toMatchObject({ code: 'debian/release-expired' })
    expect((await open({ checkValidUntil: false })).resolve(['lib'])).toHaveLength(1)
  })

  test('refuses a list of the future', async () => {
    await mirror.publish('trixie', { packages: PACKAGES, date: new Date(Date.now() + 3 * DAY) })
    await expect(open()).rejects.toMatchObject({ code: 'debian/release-from-future' })
  })

  test('finds the keyring in the apt configuration of the host', async () => {
    const armor = key
      .toPublic()
      .armor()
      .trim()
      .split('\n')
      .map((line) => ` ${line.trim() || '.'}`)
      .join('\n')
    const sources = join(directory, 'sources.list.d')
    await writeFile(join(directory, 'sources.list'), `deb [signed-by=${join(directory, 'keyring.asc')}] ${mirror.url} trixie main\n`)
    expect((await open({ mirror: undefined, keyring: undefined })).resolve(['lib'])).toHaveLength(1)
    await rm(join(directory, 'sources.list'))
    await mkdir(sources)
    await writeFile(join(sources, 'a.sources'), `Types: deb\nURIs: ${mirror.url}\nSuites: trixie\nSigned-By:\n${armor}\n`)
    expect((await open({ mirror: undefined, keyring: undefined })).resolve(['lib'])).toHaveLength(1)
  })

  test('says when there is no keyring, or something else in its place', async () => {
    await expect(open({ keyring: join(directory, 'missing.gpg') })).rejects.toMatchObject({ code: 'debian/no-keyring' })
    await writeFile(join(directory, 'text.gpg'), 'no keys here')
    await expect(open({ keyring: join(directory, 'text.gpg') })).rejects.toMatchObject({ code: 'debian/bad-keyring' })
  })
})

describe('digests', () => {
  test('refuses an index with another digest', async () => {
    await mirror.publish('trixie', { packages: PACKAGES, byHash: false })
    const index = Buffer.from(mirror.files.get(INDEX) ?? '')
    index[index.length - 1] = (index.at(-1) ?? 0) ^ 1
    mirror.files.set(INDEX, index)
    await expect(open()).rejects.toMatchObject({
      code: 'debian/bad-hash',
      message: expect.stringContaining('main/binary-amd64/Packages.gz'),
    })
    mirror.files.set(INDEX, Buffer.concat([index, index]))
    await expect(open()).rejects.toMatchObject({ code: 'debian/too-large' })
  })

  test.each([
    ['another digest', 'SHA-256', (deb: Buffer) => Buffer.from(deb.toString().replace('lib', 'bil'))],
    ['fewer bytes', 'instead of', (deb: Buffer) => deb.subarray(1)],
    ['more bytes', 'longer', (deb: Buffer) => Buffer.concat([deb, deb])],
  ])('refuses a .deb with %s, and keeps nothing of it', async (_, reason, change) => {
    mirror.files.set(LIB, change(Buffer.from(mirror.files.get(LIB) ?? '')))
    const archive = await open()
    await expect(archive.download(archive.resolve(['lib']))).rejects.toMatchObject({
      code: 'debian/bad-hash',
      message: expect.stringMatching(new RegExp(`${LIB} is not the package lib 2.0-1 .*${reason}`)),
    })
    expect(await kept('pool')).toEqual([])
  })

  test('falls back to the plain path when the mirror keeps no files by digest', async () => {
    const path = [...mirror.files.keys()].find((name) => name.startsWith('/debian/') && name.includes('by-hash')) ?? ''
    mirror.files.set(INDEX, mirror.files.get(path) ?? '')
    mirror.files.delete(path)
    expect((await open()).resolve(['lib'])).toHaveLength(1)
  })
})

describe('a mirror in trouble', () => {
  test('that is down leaves what is in the cache', async () => {
    await mirror.publish('trixie', { packages: PACKAGES, validUntil: new Date(Date.now() + DAY) })
    const before = await open()
    await before.download(before.resolve(['app']))
    await mirror.stop()
    const archive = await open()
    expect(await archive.download(archive.resolve(['app']))).toHaveLength(2)
    expect(warnings()).toHaveLength(2)
    expect(warnings()[0]).toMatch(/cannot be reached .*ECONNREFUSED.*; using the list of packages of trixie of /)
  })

  test('that is down is an error when nothing is in the cache', async () => {
    await mirror.stop()
    await expect(open()).rejects.toMatchObject({ code: 'debian/unreachable' })
  })

  test('is asked again after a reset, a 503 and a 429', async () => {
    mirror.answers.set(LIB, [
      (response) => response.socket?.destroy(),
      (response) => response.writeHead(503).end(),
      (response) => response.writeHead(429).end(),
      (response) => response.end(PACKAGES[1]?.deb),
    ])
    const archive = await open()
    await archive.download(archive.resolve(['lib']))
    expect(mirror.requests.filter((path) => path === LIB)).toHaveLength(4)
  })

  test('begins anew what broke off, and tells the progress', async () => {
    const deb = PACKAGES[1]?.deb ?? Buffer.alloc(0)
    mirror.answers.set(LIB, [
      (response) => {
        response.writeHead(200, { 'content-length': deb.length })
        response.write(deb.subarray(0, 1000), () => response.socket?.destroy())
      },
      (response) => response.end(deb),
    ])
    const archive = await open()
    await archive.download(archive.resolve(['lib']))
    expect(events.findLast(({ type }) => type === 'advance')).toMatchObject({ done: deb.length })
  })

  test('is not asked again after a 404', async () => {
    mirror.files.delete(LIB)
    const archive = await open()
    await expect(archive.download(archive.resolve(['lib']))).rejects.toMatchObject({ code: 'debian/not-found' })
    expect(mirror.requests.filter((path) => path === LIB)).toHaveLength(1)
  })

  test('that stalls is given up', async () => {
    mirror.answers.set(LIB, [(response) => response.writeHead(200).write('lib')])
    const archive = await open({ stallTimeout: 50 })
    await expect(archive.download(archive.resolve(['lib']))).rejects.toMatchObject({ code: 'debian/stalled' })
    expect(await kept('pool')).toEqual([])
  })

  test('can be left at any time', async () => {
    const controller = new AbortController()
    mirror.answers.set(LIB, [
      (response) => {
        response.write('lib')
        controller.abort()
      },
    ])
    const archive = await open({ signal: controller.signal })
    await expect(archive.download(archive.resolve(['app']))).rejects.toMatchObject({ name: 'AbortError' })
    expect((await kept('pool')).filter((name) => name.startsWith('.tmp'))).toEqual([])
  })
})
