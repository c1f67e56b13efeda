import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silent } from '../src/base/progress.js'
import { build, type BuildOptions } from '../src/build.js'
import { openCache, type ImageCache } from '../src/image/cache.js'
import { addImage } from '../src/rootfs/test-support.js'

// Lines of docs/differences.md, "Building", that have no test beside the code which they are about.

let root: string
let cache: ImageCache

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'linuxkit-differences-'))
  cache = await openCache(join(root, 'cache'))
})

afterEach(() => rm(root, { recursive: true, force: true }))

async function buildYml(yml: string, overrides: Partial<BuildOptions> = {}): Promise<void> {
  await writeFile(join(root, 'image.yml'), yml)
  await build({
    sources: [join(root, 'image.yml')],
    formats: ['tar'],
    destination: { type: 'files', base: join(root, 'image') },
    arch: 'amd64',
    cacheDirectory: cache.directory,
    mirrors: ['http://127.0.0.1:1'],
    sbom: undefined,
    progress: silent,
    signal: new AbortController().signal,
    ...overrides,
  })
}

/** What unpacking the tar leaves at a path. */
function unpacked(path: string): string {
  const tree = join(root, 'tree')
  execFileSync('sh', ['-c', 'mkdir -p "$1" && tar --warning=no-unknown-keyword -xf "$2" -C "$1"', 'sh', tree, join(root, 'image.tar')])
  return join(tree, path)
}

async function json(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(unpacked(path), 'utf8')) as Record<string, unknown>
}

describe('unlike LinuxKit', () => {
  it('a package that is missing is built', async () => {
    await mkdir(join(root, 'package'))
    await writeFile(join(root, 'package/build.yml'), 'image: mine\ndebian: {files: [{path: hello, contents: from the package}]}\n')
    await buildYml('init: ["@pkg:package"]\n')
    expect(await readFile(unpacked('hello'), 'utf8')).toBe('from the package')
    expect((await cache.names()).map(({ name }) => name)).toEqual(['docker.io/linuxkit/mine:latest'])
  })

  it.each([
    ['init: [test/image]', 'etc', '/run/resolvconf/resolv.conf'],
    ['services: [{name: s, image: test/image}]', 'containers/services/s/lower/etc', '\n# no resolv.conf configured\n'],
  ])('files of the machine are replaced whatever they are: %s', async (yml, etc, resolver) => {
    await addImage(cache, 'test/image', {
      'etc/hosts': { type: 'symlink', link: '/nowhere' },
      'etc/resolv.conf': null,
      'etc/resolv.conf/x': 'in a directory',
    })
    await buildYml(yml)
    expect(await readFile(unpacked(`${etc}/hosts`), 'utf8')).toContain('127.0.0.1       localhost')
    const path = unpacked(`${etc}/resolv.conf`)
    expect(await readlink(path).catch(() => readFile(path, 'utf8'))).toBe(resolver)
  })

  it('resources and id mappings are kept', async () => {
    await addImage(cache, 'test/image', { x: 'x' })
    await buildYml(`
services:
  - name: s
    image: test/image
    uidMappings: [{hostID: 5, containerID: 6, size: 7}]
    resources:
      memory: {kernelTCP: 1, disableOOMKiller: true}
      cpu: {realtimeRuntime: 2, realtimePeriod: 3}
      hugepageLimits: [{pageSize: 2MB, limit: 4}]
      network: {classID: 5}
      blockio: {leafWeight: 6, throttleReadBpsDevice: [{major: 8, minor: 0, rate: 7}]}
`)
    const { linux } = await json('containers/services/s/config.json')
    expect(linux).toMatchObject({
      uidMappings: [{ containerID: 6, hostID: 5, size: 7 }],
      resources: {
        memory: { kernelTCP: 1, disableOOMKiller: true },
        cpu: { realtimeRuntime: 2, realtimePeriod: 3 },
        blockIO: { leafWeight: 6, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 7 }] },
        hugepageLimits: [{ pageSize: '2MB', limit: 4 }],
        network: { classID: 5 },
      },
    })
  })

  it('volumes of one file can be used by another, whichever comes first', async () => {
    await addImage(cache, 'test/image', { x: 'x' })
    await writeFile(join(root, 'volumes.yml'), 'volumes: [{name: v}]\n')
    const yml = 'services: [{name: s, image: test/image, binds: ["v:/v"]}]\n'
    for (const order of [
      ['volumes.yml', 'image.yml'],
      ['image.yml', 'volumes.yml'],
    ]) {
      await buildYml(yml, { sources: order.map((name) => join(root, name)) })
      const { mounts } = await json('containers/services/s/config.json')
      expect(mounts).toContainEqual(expect.objectContaining({ destination: '/v', source: '/containers/volumes/v/merged' }))
    }
  })

  it("the SBOM's namespace depends on its content alone", async () => {
    const options = { sbom: { path: 'sbom.json', created: '2017-04-18T16:30:00Z' } }
    const namespaceOf = async (yml: string): Promise<unknown> => {
      await buildYml(yml, options)
      return (await json('sbom.json'))['documentNamespace']
    }
    const first = await namespaceOf('{}')
    expect(first).toMatch(
      /^https:\/\/github.com\/linuxkit\/linuxkit\/sbom-[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
    expect(await namespaceOf('files: [{path: a, contents: A}]')).toBe(first)
  })

  it('inode numbers of an initrd count from the beginning of each part', async () => {
    await addImage(cache, 'test/image', { a: 'a', b: 'b' })
    await buildYml('init: [test/image]\nfiles: [{path: c, contents: C}]\n', { formats: ['kernel+initrd'] })
    const archive = gunzipSync(await readFile(join(root, 'image-initrd.img'))).toString('latin1')
    // cpio(5), "New ASCII Format": the inode number follows the magic; none of the contents here looks like it.
    const inodes = [...archive.matchAll(/070701([0-9A-F]{8})/g)].map(([, hex]) => Number.parseInt(hex ?? '', 16))
    expect(inodes.filter((inode) => inode === 721).length).toBeGreaterThan(1)
    expect(inodes[0]).toBe(721)
  })

  it('"cache ls" prints the names in their order, of the cache that LINUXKIT_CACHE names', async () => {
    for (const name of ['b:1', 'a:1', 'org/c:1']) await addImage(cache, name, { file: name })
    const listed = execFileSync(process.execPath, ['dist/linuxkit.cjs', 'cache', 'ls'], {
      env: { ...process.env, LINUXKIT_CACHE: cache.directory },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const names = listed.match(/^docker\.io\S+/gm)
    expect(names).toEqual(['docker.io/library/a:1', 'docker.io/library/b:1', 'docker.io/org/c:1'])
  })

  it('formats whose files have one name are refused together, and so are those for other architectures', async () => {
    await addImage(cache, 'kernel:1', { kernel: 'a kernel' })
    const yml = 'kernel: {image: "kernel:1", tar: none}\n'
    await expect(buildYml(yml, { formats: ['vhd', 'dynamic-vhd'] })).rejects.toThrow(expect.objectContaining({ code: 'build/same-file' }))
    await expect(buildYml(yml, { formats: ['raw-bios'], arch: 'arm64' })).rejects.toThrow(
      expect.objectContaining({ code: 'build/format-arch' }),
    )
  })

  it('an initrd is compressed with zstd when the kernel is known to take it', async () => {
    for (const [name, label] of [
      ['old', {}],
      ['new', { 'org.linuxkit.kernel.initrd': 'gzip,zstd' }],
    ] as const) {
      await addImage(cache, `${name}:1`, { kernel: 'a kernel' }, { Labels: label })
      await buildYml(`kernel: {image: "${name}:1", tar: none}\n`, { formats: ['kernel+initrd'] })
      const magic = (await readFile(join(root, 'image-initrd.img'))).subarray(0, 4).toString('hex')
      expect(magic).toBe(name === 'old' ? '1f8b0800' : '28b52ffd')
    }
  })
})
