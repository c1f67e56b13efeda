import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silent } from '../base/progress.js'
import { provideBootLoader, type BootLoaderOptions } from './boot-loader.js'
import { FixtureMirror, newKey, type FixturePackage } from './debian/mirror.fixture.js'

let root: string
let mirror: FixtureMirror

/** A package that a mirror serves, with some files. */
function deb(name: string, version: string, files: Readonly<Record<string, string>>, depends = ''): FixturePackage {
  const directory = join(root, 'debs', `${name}-${version}`)
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nMaintainer: Test <test@example.org>\nDescription: test\n`
  for (const [path, text] of Object.entries({ 'DEBIAN/control': control, ...files })) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
    chmodSync(join(directory, path), 0o644)
  }
  execFileSync('dpkg-deb', ['--root-owner-group', '-b', directory, `${directory}.deb`], { stdio: 'pipe' })
  return { fields: { Package: name, Version: version, Depends: depends }, deb: readFileSync(`${directory}.deb`) }
}

const stub = (version: string): FixturePackage =>
  deb('systemd-boot-efi', version, {
    'usr/lib/systemd/boot/efi/linuxx64.efi.stub': `stub ${version}`,
    'usr/lib/systemd/boot/efi/systemd-bootx64.efi': `loader ${version}`,
    'usr/share/doc/systemd-boot-efi/copyright': 'LGPL',
  })

const SYSLINUX = {
  syslinux: { 'usr/bin/syslinux': 'installer' },
  isolinux: { 'usr/lib/ISOLINUX/isolinux.bin': 'isolinux', 'usr/lib/ISOLINUX/isohdpfx.bin': 'hybrid' },
  'syslinux-common': {
    'usr/lib/syslinux/mbr/mbr.bin': 'mbr',
    'usr/lib/syslinux/mbr/gptmbr.bin': 'gptmbr',
    'usr/lib/syslinux/modules/bios/ldlinux.c32': 'module',
  },
} as const

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'linuxkit-loaders-'))
  mirror = new FixtureMirror(await newKey())
  await mirror.start()
  writeFileSync(join(root, 'keyring.asc'), mirror.key.toPublic().armor())
})

afterEach(async () => {
  await mirror.stop()
  await rm(root, { recursive: true })
})

function options(overrides: Partial<BootLoaderOptions> = {}): BootLoaderOptions {
  return {
    arch: 'amd64',
    cacheDirectory: join(root, 'cache'),
    mirror: mirror.url,
    keyring: join(root, 'keyring.asc'),
    aptDirectory: join(root, 'no-apt'),
    environment: {},
    pull: false,
    offline: false,
    progress: silent,
    signal: new AbortController().signal,
    ...overrides,
  }
}

const texts = (files: ReadonlyMap<string, Buffer>): Readonly<Record<string, string>> =>
  Object.fromEntries([...files].map(([path, bytes]) => [path, bytes.toString()]))

describe('a boot loader', () => {
  test('is fetched once, and needs no network then', async () => {
    await mirror.publish('trixie', { packages: [stub('1')] })
    const first = texts(await provideBootLoader('systemd-boot', options()))
    expect(first).toEqual({
      packages: 'systemd-boot-efi=1\n',
      'usr/lib/systemd/boot/efi/linuxx64.efi.stub': 'stub 1',
      'usr/lib/systemd/boot/efi/systemd-bootx64.efi': 'loader 1',
    })
    await mirror.stop()
    expect(texts(await provideBootLoader('systemd-boot', options()))).toEqual(first)
    expect(texts(await provideBootLoader('systemd-boot', options({ offline: true })))).toEqual(first)
  })

  test('stays what it is until a newer one is asked for', async () => {
    await mirror.publish('trixie', { packages: [stub('1')] })
    await provideBootLoader('systemd-boot', options())
    await mirror.publish('trixie', { packages: [stub('2')] })
    expect(texts(await provideBootLoader('systemd-boot', options()))['packages']).toBe('systemd-boot-efi=1\n')
    expect(texts(await provideBootLoader('systemd-boot', options({ pull: true })))['packages']).toBe('systemd-boot-efi=2\n')
    expect(texts(await provideBootLoader('systemd-boot', options()))['packages']).toBe('systemd-boot-efi=2\n')
  })

  test('that is damaged in the cache is fetched anew', async () => {
    await mirror.publish('trixie', { packages: [stub('1')] })
    const first = texts(await provideBootLoader('systemd-boot', options()))
    const path = join(root, 'cache', 'boot-loaders', 'systemd-boot-amd64-trixie.tar')
    for (const damaged of [readFileSync(path).subarray(0, 700), readFileSync(path).fill(1, 0, 100), Buffer.alloc(0)]) {
      writeFileSync(path, damaged)
      expect(texts(await provideBootLoader('systemd-boot', options()))).toEqual(first)
    }
  })

  test('for a BIOS comes from packages of a PC, without what these depend on', async () => {
    const packages = Object.entries(SYSLINUX).map(([name, files]) => deb(name, '6', files, 'mtools'))
    await mirror.publish('trixie', { packages: [...packages, deb('mtools', '4', { 'usr/bin/mtools': 'tools' })] })
    const files = texts(await provideBootLoader('syslinux', options({ arch: 'arm64' })))
    expect(Object.keys(files)).toHaveLength(7)
    expect(files).toMatchObject({ 'usr/bin/syslinux': 'installer', 'usr/lib/syslinux/mbr/gptmbr.bin': 'gptmbr' })
    expect(await readdir(join(root, 'cache', 'boot-loaders'))).toEqual(['syslinux-amd64-trixie.tar'])
  })

  test('that is not in the cache is named when the network is forbidden', async () => {
    await expect(provideBootLoader('syslinux', options({ offline: true }))).rejects.toMatchObject({
      code: 'build/offline',
      message: expect.stringContaining('isolinux, syslinux, syslinux-common'),
    })
    expect(mirror.requests).toEqual([])
  })

  test('that a package does not have any more is an error, and nothing is kept', async () => {
    await mirror.publish('trixie', { packages: [deb('systemd-boot-efi', '3', { 'usr/lib/elsewhere/x': 'x' })] })
    await expect(provideBootLoader('systemd-boot', options())).rejects.toMatchObject({ code: 'debian/no-boot-loader' })
    expect(await readdir(join(root, 'cache'))).not.toContain('boot-loaders')
  })

  test('needs a part of the archive that not every mirror has', async () => {
    await mirror.publish('trixie', { packages: [stub('1')] })
    await expect(provideBootLoader('raspberry', options())).rejects.toMatchObject({
      code: 'debian/no-component',
      message: expect.stringContaining('non-free-firmware'),
    })
  })
})
