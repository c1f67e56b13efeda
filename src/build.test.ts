import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bytesContent, readAll } from './base/content.js'
import { LinuxkitError } from './base/errors.js'
import { silent } from './base/progress.js'
import { build, defaultName, type BuildOptions } from './build.js'
import { openCache } from './image/cache.js'
import { writeIndex } from './image/image-writer.js'
import { parseReference } from './image/reference.js'
import { addImage, tarOf } from './rootfs/test-support.js'

const LABEL = 'org.mobyproject.config'

const YML = `
kernel:
  image: test/kernel
  cmdline: "console=ttyS0"
init:
  - test/init
onboot:
  - name: first
    image: test/tool
    command: ["/bin/first"]
  - name: second
    image: test/tool
    readonly: true
services:
  - name: web
    image: test/web
files:
  - path: etc/motd
    contents: "hello"
    mode: "0644"
  - path: etc/config.yml
    metadata: yaml
`

let root: string
let cacheDirectory: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'linuxkit-build-'))
  cacheDirectory = join(root, 'cache')
  const cache = await openCache(cacheDirectory)
  const modules = await readAll(tarOf({ 'lib/modules/6.12/modules.dep': 'dep' }), 1 << 20)
  await addImage(cache, 'test/kernel', { kernel: 'KERNEL', 'kernel.tar': modules.toString('latin1'), other: 'dropped' })
  await addImage(cache, 'test/init', {
    bin: null,
    'bin/sh': 'shell',
    'etc/hostname': 'dropped',
    'bin/ash': { type: 'symlink', link: 'sh' },
  })
  await addImage(cache, 'test/tool', { 'bin/tool': 'tool' }, { Cmd: ['/bin/tool'] })
  await addImage(
    cache,
    'test/web',
    { 'bin/web': 'x'.repeat(3 << 20) },
    { Labels: { [LABEL]: '{"capabilities":["CAP_NET_BIND_SERVICE"]}' } },
  )
  await writeFile(join(root, 'image.yml'), YML)
})

afterEach(() => rm(root, { recursive: true, force: true }))

function options(overrides: Partial<BuildOptions> = {}): BuildOptions {
  return {
    sources: [join(root, 'image.yml')],
    formats: ['kernel+initrd', 'tar-kernel-initrd'],
    destination: { type: 'files', base: join(root, 'image') },
    arch: 'amd64',
    cacheDirectory,
    // Nobody listens there: a test asks no registry.
    mirrors: ['http://127.0.0.1:1'],
    sbom: { path: 'sbom.spdx.json', created: '2017-04-18T16:30:00Z' },
    progress: silent,
    signal: new AbortController().signal,
    ...overrides,
  }
}

function output(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
}

describe('build', () => {
  it('writes kernel, initrd and command line that independent tools read', async () => {
    await build(options({ formats: ['kernel+initrd'] }))
    expect(await readFile(join(root, 'image-kernel'), 'utf8')).toBe('KERNEL')
    expect(await readFile(join(root, 'image-cmdline'), 'utf8')).toBe('console=ttyS0')
    const unpacked = join(root, 'unpacked')
    await mkdir(unpacked)
    execFileSync('sh', ['-c', `gzip -t ../image-initrd.img && zcat ../image-initrd.img | cpio -idm --quiet --no-absolute-filenames`], {
      cwd: unpacked,
    })
    expect(await readFile(join(unpacked, 'lib/modules/6.12/modules.dep'), 'utf8')).toBe('dep')
    expect(await readFile(join(unpacked, 'etc/motd'), 'utf8')).toBe('hello')
    expect((await readFile(join(unpacked, 'containers/services/web/lower/bin/web'))).length).toBe(3 << 20)
    expect(await readdir(join(unpacked, 'boot'))).toEqual([])
  })

  it('writes a tar whose records say which line each entry comes from', async () => {
    await build(options({ formats: ['tar'] }))
    const names = output('tar', '--warning=no-unknown-keyword', '-tf', join(root, 'image.tar')).split('\n')
    for (const name of ['boot/kernel', 'boot/cmdline', 'lib/modules/6.12/modules.dep', 'bin/sh', 'etc/motd', 'sbom.spdx.json']) {
      expect(names).toContain(name)
    }
    expect(names).not.toContain('etc/hostname')
    expect(names).not.toContain('other')
    const raw = await readFile(join(root, 'image.tar'), 'latin1')
    expect(raw).toContain('LINUXKIT.location=services[0]\n')
    expect(raw).toContain('LINUXKIT.source=docker.io/test/web\n')
  })

  describe('with the tar of an earlier build', () => {
    const buildTar = async (name: string, yml: string, inputTar?: string): Promise<Buffer> => {
      await writeFile(join(root, `${name}.yml`), yml)
      const destination = { type: 'files', base: join(root, name) } as const
      await build(options({ sources: [join(root, `${name}.yml`)], formats: ['tar'], destination, inputTar }))
      return readFile(join(root, `${name}.tar`))
    }

    it.each([
      ['nothing', YML],
      ['a file', YML.replace('"hello"', '"good bye"')],
      ['the kernel command line', YML.replace('ttyS0', 'ttyS1')],
      ['a container before others', YML.replace('/bin/first', '/bin/other')],
      ['a container that shares an image', YML.replace('readonly: true', 'readonly: false')],
      [
        'the order of containers',
        YML.replace('name: first', 'name: x').replace('name: second', 'name: first').replace('name: x', 'name: second'),
      ],
      ['an init image more', YML.replace('  - test/init', '  - test/init\n  - test/tool')],
      ['volumes', `${YML}\nvolumes: [{name: v, image: test/tool}]`],
    ])('makes the same bytes as without it when this changes: %s', async (_, yml) => {
      await buildTar('earlier', YML)
      const expected = await buildTar('expected', yml)
      expect((await buildTar('image', yml, join(root, 'earlier.tar'))).equals(expected)).toBe(true)
    })

    it('needs no image for what has not changed, volumes included', async () => {
      const yml = `${YML}\nvolumes: [{name: v, image: test/tool}, {name: w}]`
      const earlier = await buildTar('earlier', yml)
      await rm(cacheDirectory, { recursive: true })
      await writeFile(join(root, 'image.yml'), yml)
      await build(options({ formats: ['tar'], inputTar: join(root, 'earlier.tar'), sbom: undefined }))
      const image = await readFile(join(root, 'image.tar'))
      // All but the SBOM, which stands last.
      const sbom = earlier.indexOf('sbom.spdx.json')
      expect(image.subarray(0, sbom - 1024).equals(earlier.subarray(0, sbom - 1024))).toBe(true)
    })

    it('is refused when it is cut off, and when it is the output', async () => {
      const earlier = await buildTar('earlier', YML)
      await writeFile(join(root, 'cut.tar'), earlier.subarray(0, earlier.length >> 1))
      await expect(buildTar('image', YML, join(root, 'cut.tar'))).rejects.toMatchObject({ code: 'build/input-tar' })
      await expect(buildTar('earlier', YML, join(root, 'earlier.tar'))).rejects.toMatchObject({ code: 'build/input-tar' })
      expect((await readFile(join(root, 'earlier.tar'))).equals(earlier)).toBe(true)
    })

    it('is not looked at when the image does not say what it is made of', async () => {
      const yml = YML.replace(/  - path: etc\/config.yml\n.*\n/, '')
      const expected = await buildTar('expected', yml)
      expect((await buildTar('image', yml, join(root, 'nowhere.tar'))).equals(expected)).toBe(true)
    })
  })

  it('lays an image that several containers use out once', async () => {
    await build(options({ formats: ['tar'] }))
    const names = output('tar', '--warning=no-unknown-keyword', '-tf', join(root, 'image.tar')).split('\n')
    expect(names.filter((name) => name.endsWith('bin/tool'))).toEqual(['containers/onboot/000-first/lower/bin/tool'])
    const runtime = output(
      'tar',
      '--warning=no-unknown-keyword',
      '-xOf',
      join(root, 'image.tar'),
      'containers/onboot/001-second/runtime.json',
    )
    expect(runtime).toContain('"/containers/onboot/000-first/lower"')
  })

  it("takes what the yml does not say from the image's label and configuration", async () => {
    await build(options({ formats: ['tar'] }))
    const web = output('tar', '--warning=no-unknown-keyword', '-xOf', join(root, 'image.tar'), 'containers/services/web/config.json')
    expect(web).toContain('CAP_NET_BIND_SERVICE')
    const second = output(
      'tar',
      '--warning=no-unknown-keyword',
      '-xOf',
      join(root, 'image.tar'),
      'containers/onboot/001-second/config.json',
    )
    expect(second).toContain('/bin/tool')
  })

  it('makes the same bytes every time, and leaves nothing but them', async () => {
    await build(options())
    const names = (await readdir(root)).filter((name) => name.startsWith('image'))
    expect(names.sort()).toEqual(['image-cmdline', 'image-initrd.img', 'image-initrd.tar', 'image-kernel', 'image.yml'])
    const first = await Promise.all(names.map((name) => readFile(join(root, name))))
    await build(options())
    const second = await Promise.all(names.map((name) => readFile(join(root, name))))
    expect(second.map((bytes, index) => bytes.equals(first[index] ?? Buffer.alloc(0)))).toEqual(names.map(() => true))
    expect((await readdir(join(cacheDirectory, 'fragments'))).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('streams a tar', async () => {
    const chunks: Uint8Array[] = []
    const write = async (stream: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of stream) chunks.push(chunk)
    }
    await build(options({ formats: ['tar'], destination: { type: 'stream', write } }))
    await build(options({ formats: ['tar'] }))
    expect(Buffer.concat(chunks).equals(await readFile(join(root, 'image.tar')))).toBe(true)
    await expect(build(options({ destination: { type: 'stream', write } }))).rejects.toMatchObject({ code: 'build/not-a-stream' })
  })

  it('makes a tar of kernel, initrd and command line that holds the same as the single files', async () => {
    await build(options())
    const archive = join(root, 'image-initrd.tar')
    expect(output('tar', '-tf', archive).trim().split('\n')).toEqual(['kernel', 'initrd.img', 'cmdline'])
    const initrd = execFileSync('tar', ['-xOf', archive, 'initrd.img'], { maxBuffer: 1 << 28 })
    expect(initrd.equals(await readFile(join(root, 'image-initrd.img')))).toBe(true)
  })

  it('makes a context for docker build, with the SBOM last', async () => {
    await build(options({ formats: ['docker'] }))
    const names = output('tar', '--warning=no-unknown-keyword', '-tf', join(root, 'image.docker')).trim().split('\n')
    expect(names.slice(-2)).toEqual(['Dockerfile', 'sbom.spdx.json'])
    const dockerfile = output('tar', '--warning=no-unknown-keyword', '-xOf', join(root, 'image.docker'), 'Dockerfile')
    expect(dockerfile).toContain('ENTRYPOINT ["/bin/rc.init"]')
  })

  it('lets no other format stand beside one that is a stream', async () => {
    await expect(build(options({ formats: ['kernel+initrd', 'tar'] }))).rejects.toMatchObject({ code: 'build/format-alone' })
  })

  it.each([
    ['gzip', (data: Buffer) => gzipSync(data)],
    ['xz', (data: Buffer) => execFileSync('xz', ['-c'], { input: data })],
    ['zstd', (data: Buffer) => execFileSync('zstd', ['-c'], { input: data })],
    ['lz4', (data: Buffer) => execFileSync('lz4', ['-l', '-c'], { input: data })],
    ['bzip2', (data: Buffer) => execFileSync('bzip2', ['-c'], { input: data })],
    ['lzma', (data: Buffer) => execFileSync('xz', ['--format=lzma', '-c'], { input: data })],
  ])('unpacks a bzImage whose payload is compressed with %s', async (name, compress) => {
    const payload = compress(Buffer.from('the kernel proper'))
    // The kernel's build appends the size to what is not gzip.
    const stored = name === 'gzip' ? payload : Buffer.concat([payload, Buffer.alloc(4)])
    const image = Buffer.alloc(1024 + stored.length)
    image.writeUInt8(0, 0x1f1)
    image.writeUInt16LE(0xaa55, 0x1fe)
    image.write('HdrS', 0x202)
    image.writeUInt32LE(512, 0x248)
    image.writeUInt32LE(stored.length, 0x24c)
    stored.copy(image, 1024)
    await addImage(await openCache(cacheDirectory), 'test/kernel', { kernel: { content: bytesContent(image) } })
    await writeFile(join(root, 'image.yml'), 'kernel:\n  image: test/kernel\n  tar: none\n')
    await build(options({ formats: ['kernel+initrd'], decompressKernel: true }))
    expect(await readFile(join(root, 'image-kernel'), 'utf8')).toBe('the kernel proper')
  })

  it('says so when a kernel is not compressed', async () => {
    await expect(build(options({ decompressKernel: true }))).rejects.toMatchObject({ code: 'build/decompress-kernel' })
  })

  it('holds an image as a layout in a volume of format oci', async () => {
    const cache = await openCache(cacheDirectory)
    const image = await cache.resolve(parseReference('test/web'))
    if (image === undefined) throw new Error('no image')
    await cache.setName(
      parseReference('test/multi').text,
      await writeIndex(cache, [{ ...image, platform: { os: 'linux', architecture: 'amd64' } }]),
    )
    await writeFile(
      join(root, 'image.yml'),
      'volumes:\n  - name: data\n    image: test/multi\n    format: oci\n    platforms: [linux/amd64]\n',
    )
    await build(options({ formats: ['tar'], sbom: undefined }))
    execFileSync('tar', ['--warning=no-unknown-keyword', '-xf', join(root, 'image.tar'), '-C', root])
    const layout = join(root, 'containers/volumes/data/lower')
    // skopeo takes a layout apart by its index; what it finds has to be the image that went in.
    const config = JSON.parse(output('skopeo', 'inspect', '--config', `oci:${layout}:docker.io/test/multi`)) as { architecture: string }
    expect(config.architecture).toBe('amd64')
    await writeFile(
      join(root, 'image.yml'),
      'volumes:\n  - name: data\n    image: test/multi\n    format: oci\n    platforms: [linux/s390x]\n',
    )
    await expect(build(options())).rejects.toMatchObject({ code: 'image/no-platform' })
  })

  it('names the line of an image that is nowhere', async () => {
    await writeFile(join(root, 'image.yml'), 'init:\n  - test/init\n  - test/inti\n')
    const error: unknown = await build(options()).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(LinuxkitError)
    expect(error).toMatchObject({ code: 'registry/unreachable', where: { line: 3, column: 5, text: '  - test/inti' } })
    expect((error as LinuxkitError).message).toContain('init[1]: cannot pull docker.io/test/inti for linux/amd64')
    expect(await readdir(root)).not.toContain('image-initrd.img')
  })

  it.each([
    ['a kernel that is not in its image', 'kernel:\n  image: test/init\n', 'build/kernel-file-missing'],
    ['modules that are not in the image', 'kernel:\n  image: test/kernel\n  tar: other.tar\n', 'build/kernel-file-missing'],
    ['a source that does not exist', 'files:\n  - path: a\n    source: no-such-file\n', 'config/file-source'],
    ['an owner that is nobody', 'files:\n  - path: a\n    contents: ""\n    uid: nobody\n', 'config/unknown-id'],
    ['a service whose name leads out', 'services:\n  - name: ../../x\n    image: test/web\n', 'config/container-name'],
  ])('refuses %s and writes nothing', async (_title, yml, code) => {
    await writeFile(join(root, 'image.yml'), yml)
    const error: unknown = await build(options()).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(LinuxkitError)
    expect(error).toMatchObject({ code })
    expect((await readdir(root)).sort()).toEqual(['cache', 'image.yml'])
    const left = await readdir(join(cacheDirectory, 'fragments')).catch(() => [])
    expect(left.filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('leaves nothing behind when it is interrupted', async () => {
    const controller = new AbortController()
    const progress: BuildOptions['progress'] = (event) => {
      if (event.type === 'finish') controller.abort()
    }
    await expect(build(options({ progress, signal: controller.signal }))).rejects.toMatchObject({ name: 'AbortError' })
    expect((await readdir(root)).sort()).toEqual(['cache', 'image.yml'])
    expect((await readdir(join(cacheDirectory, 'fragments'))).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('asks for a directory that is there', async () => {
    const error: unknown = await build(options({ destination: { type: 'files', base: join(root, 'no', 'image') } })).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ code: 'build/no-directory' })
  })

  it('knows the formats, and near misses', async () => {
    for (const [format, hint] of [
      ['tra', 'did you mean "tar"?'],
      ['raw-boot', 'did you mean "raw-bios"?'],
    ] as const) {
      await expect(build(options({ formats: [format] }))).rejects.toMatchObject({ code: 'build/unknown-format', hint })
    }
  })

  it.each([
    ['raw-bios', 'arm64', 'build/format-arch'],
    ['raw-efi', 's390x', 'build/format-arch'],
    ['iso,iso-bios', 'amd64', 'build/same-file'],
    ['vhd,dynamic-vhd', 'amd64', 'build/same-file'],
  ] as const)('refuses %s for %s before anything is built', async (formats, arch, code) => {
    await rm(cacheDirectory, { recursive: true })
    await expect(build(options({ formats: formats.split(','), arch }))).rejects.toMatchObject({ code })
    expect(await readdir(root)).toEqual(['image.yml'])
  })

  it('says which boot loader is missing when the network is forbidden, before anything is built', async () => {
    const error: unknown = await build(options({ formats: ['iso-bios', 'raw-efi'], offline: true })).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'build/offline', message: expect.stringContaining('isolinux, syslinux, syslinux-common') })
    expect((await readdir(root)).sort()).toEqual(['cache', 'image.yml'])
  })
})

describe('defaultName', () => {
  it.each([
    [['a/linuxkit.yml'], 'linuxkit'],
    [['base.yml', 'foo.tar.yml'], 'foo.tar'],
    [['-'], 'moby'],
    [['.hidden'], '.hidden'],
    [['http://host/u.yml?a=b'], 'u'],
  ])('%j', (sources, name) => expect(defaultName(sources)).toBe(name))
})
