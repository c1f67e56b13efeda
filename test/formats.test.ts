import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entry } from '../src/archive/entry.js'
import { bytesContent } from '../src/base/content.js'
import { digestOf as digestOfBytes } from '../src/base/digest.js'
import { silent } from '../src/base/progress.js'
import { build, type BuildOptions } from '../src/build.js'
import { zeros } from '../src/disk/extents.js'
import { judge } from '../src/disk/test-support.js'
import { openCache } from '../src/image/cache.js'
import { KERNEL, workshop, type Workshop } from '../src/output/formats-test-support.js'
import { findFormat, makeFiles } from '../src/output/formats.js'
import { Materials } from '../src/output/materials.js'
import { newPart, type Part } from '../src/rootfs/part.js'
import { addImage } from '../src/rootfs/test-support.js'

const SIGNAL = new AbortController().signal

/** Together they are all formats for amd64 but `tar` and `docker`; those of one call make no file of the same name. */
const CALLS = [
  'kernel+initrd,tar-kernel-initrd,raw,raw-bios,raw-efi,qcow2-bios,qcow2-efi,vhd,vmdk,gcp,aws,uki,iso,iso-efi,iso-efi-initrd,kernel+squashfs,kernel+erofs',
  'iso-bios,dynamic-vhd',
  'kernel+iso',
]

let shop: Workshop

function options(formats: string, name: string, overrides: Partial<BuildOptions> = {}): BuildOptions {
  return {
    sources: [shop.yml],
    formats: formats.split(','),
    destination: { type: 'files', base: join(shop.directory, name) },
    arch: 'amd64',
    cacheDirectory: shop.cacheDirectory,
    offline: true,
    sbom: undefined,
    progress: silent,
    signal: SIGNAL,
    ...overrides,
  }
}

const path = (name: string): string => join(shop.directory, name)

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

interface Table {
  readonly label: string
  readonly partitions: readonly { readonly start: number; readonly size: number }[]
}

function tableOf(image: string): Table {
  return (JSON.parse(judge('sfdisk', '-J', image)) as { readonly partitiontable: Table }).partitiontable
}

/** A file in the FAT file system of the first partition. */
async function fromVolume(image: string, name: string): Promise<Buffer> {
  const copy = path('copy')
  judge('mcopy', '-n', '-o', '-i', `${image}@@${(tableOf(image).partitions[0]?.start ?? 0) * 512}`, `::${name}`, copy)
  return readFile(copy)
}

/** The partition table of a disk is sound. */
function judgeGpt(image: string): void {
  expect(judge('sgdisk', '-v', image)).toContain('No problems found')
}

/** The volume of a disk is sound. */
function judgeVolume(image: string, table: 'dos' | 'gpt'): void {
  const { label, partitions } = tableOf(image)
  expect(label).toBe(table)
  const [partition] = partitions
  expect(partition?.start).toBe(2048)
  judge('dd', `if=${image}`, `of=${path('volume')}`, 'bs=512', 'skip=2048', `count=${partition?.size}`, 'conv=sparse', 'status=none')
  judge('fsck.fat', '-n', path('volume'))
}

function sections(program: string): string {
  return judge('objdump', '-h', program)
}

// Debian has syslinux for this architecture alone.
describe.runIf(process.arch === 'x64')('the formats', () => {
  beforeAll(async () => {
    shop = await workshop()
    for (const [index, formats] of CALLS.entries()) await build(options(formats, `call${index}`))
    await build(options('tar', 'image'))
    await mkdir(path('tree'))
    judge('tar', '--warning=no-unknown-keyword', '-xf', path('image.tar'), '-C', path('tree'), '--exclude=boot/*', '--exclude=./boot/*')
  }, 120_000)

  afterAll(() => shop[Symbol.asyncDispose]())

  test('of disks for a BIOS have syslinux, kernel, microcode and initrd', async () => {
    judgeVolume(path('call0-bios.img'), 'dos')
    expect((await fromVolume(path('call0-bios.img'), 'kernel')).equals(KERNEL)).toBe(true)
    const initrd = await fromVolume(path('call0-bios.img'), 'initrd.img')
    expect(initrd.equals(await readFile(path('call0-initrd.img')))).toBe(true)
    expect(initrd.subarray(0, 9).toString()).toBe('MICROCODE')
    expect((await fromVolume(path('call0-bios.img'), 'syslinux.cfg')).toString()).toContain('APPEND console=ttyS0\n')
  })

  test('of disks for UEFI have a unified kernel with " text" at the end of its command line', async () => {
    judgeVolume(path('call0-efi.img'), 'gpt')
    judgeGpt(path('call0-efi.img'))
    const program = await fromVolume(path('call0-efi.img'), 'EFI/BOOT/BOOTX64.EFI')
    expect(program.includes('console=ttyS0 text')).toBe(true)
    expect(program.includes(KERNEL)).toBe(true)
    await writeFile(path('program.efi'), program)
    expect(sections(path('program.efi'))).toMatch(/\.cmdline[^]*\.initrd[^]*\.linux/)
    expect(sections(path('call0.efi'))).toMatch(/\.cmdline[^]*\.initrd[^]*\.linux/)
    expect(judge('file', path('call0.efi'))).toContain('PE32+ executable (EFI application)')
  })

  test('of disks for both have both', async () => {
    judgeVolume(path('call0.img'), 'gpt')
    judgeGpt(path('call0.img'))
    expect((await fromVolume(path('call0.img'), 'kernel')).equals(KERNEL)).toBe(true)
    expect((await fromVolume(path('call0.img'), 'loader/entries/linuxkit.conf')).toString()).toContain('options console=ttyS0\n')
    expect(await digestOf(path('call0.raw'))).toBe(await digestOf(path('call0.img')))
  })

  test.each([
    ['call0.qcow2', 'qcow2', 'call0-bios.img'],
    ['call0-efi.qcow2', 'qcow2', 'call0-efi.img'],
    ['call0.vhd', 'vpc', 'call0-bios.img'],
    ['call1.vhd', 'vpc', 'call0-bios.img'],
    ['call0.vmdk', 'vmdk', 'call0-bios.img'],
  ])('%s holds what the raw disk holds', (image, format, raw) => {
    if (format !== 'vpc') judge('qemu-img', 'check', '-f', format, path(image))
    expect(judge('qemu-img', 'compare', '-f', 'raw', '-F', format, path(raw), path(image))).toContain('identical')
  })

  test('for VMware and Azure are what these take', async () => {
    const information = JSON.parse(judge('qemu-img', 'info', '--output=json', path('call0.vmdk'))) as object
    expect(information).toMatchObject({ 'format-specific': { data: { 'create-type': 'streamOptimized' } } })
    const { size } = await stat(path('call0.vhd'))
    expect(size % (1 << 20)).toBe(512)
    const footer = (await readFile(path('call0.vhd'))).subarray(-512)
    expect(footer.toString('latin1', 0, 8)).toBe('conectix')
    expect(footer.readUInt32BE(60)).toBe(2)
  })

  test('for Google holds a disk of whole gigabytes, with its table at the end of them', async () => {
    judge('tar', '-xzf', path('call0.img.tar.gz'), '-C', shop.directory)
    expect((await stat(path('disk.raw'))).size).toBe(2 ** 30)
    judgeVolume(path('disk.raw'), 'gpt')
    judgeGpt(path('disk.raw'))
    expect((await fromVolume(path('disk.raw'), 'kernel')).equals(KERNEL)).toBe(true)
    await rm(path('disk.raw'))
  })

  test.each([
    ['call0.iso', /BIOS[^]*UEFI/],
    ['call0-efi.iso', /UEFI/],
    ['call0-efi-initrd.iso', /UEFI/],
    ['call1.iso', /BIOS/],
  ])('%s is a CD that starts, also from a stick', async (image, firmware) => {
    const report = judge(
      'xorriso',
      '-indev',
      path(image),
      '-report_el_torito',
      'plain',
      '-report_system_area',
      'plain',
      '-check_media',
      '--',
    )
    expect(report).toMatch(firmware)
    expect(report).toContain('+ good')
    expect(judge('isoinfo', '-d', '-i', path(image))).toContain('Volume id: LinuxKit')
  })

  test.each(['call0.iso', 'call0-efi.iso', 'call0-efi-initrd.iso'])('%s has the partition that UEFI starts from a stick', (image) => {
    expect(judge('sgdisk', '-v', path(image))).toContain('No problems found')
  })

  test('of CDs have the kernel and how it is started', async () => {
    expect(judge('isoinfo', '-x', '/ISOLINUX/ISOLINUX.CFG;1', '-i', path('call1.iso'))).toMatch(/APPEND console=ttyS0\n$/)
    expect((await fromVolume(path('call0-efi.iso'), 'EFI/BOOT/BOOTX64.EFI')).includes('console=ttyS0 text')).toBe(true)
    expect((await fromVolume(path('call0.iso'), 'EFI/BOOT/BOOTX64.EFI')).includes(KERNEL)).toBe(true)
  })

  test('with the root on a file system hold the tree as the tar has it', () => {
    expect(judge('unsquashfs', '-s', path('call0-squashfs.img'))).toContain('Compression gzip')
    judge('unsquashfs', '-no-xattrs', '-d', path('squashfs'), path('call0-squashfs.img'))
    judge('fsck.erofs', path('call0-erofs.img'))
    judge('fsck.erofs', `--extract=${path('erofs')}`, path('call0-erofs.img'))
    judge('xorriso', '-osirrox', 'on', '-indev', path('call2.iso'), '-extract', '/', path('iso'))
    for (const extracted of ['squashfs', 'erofs', 'iso'])
      expect(judge('diff', '-r', '--no-dereference', path('tree'), path(extracted))).toBe('')
    const extracted = ['squashfs', 'erofs', 'iso'].map((one) => judge('stat', '-c', '%a %h', path(join(one, 'etc/motd'))))
    expect(extracted).toEqual(['640 1\n', '640 1\n', '640 1\n'])
  })

  test.each([
    ['squashfs', 'call0-squashfs.img', 'call0-squashfs-initrd.img'],
    ['iso9660', 'call2.iso', 'call2-iso-initrd.img'],
  ])('with the root on %s have an initramfs that knows it by bytes that it has', async (type, image, initramfs) => {
    const whole = await readFile(path(initramfs))
    expect(whole.subarray(0, 9).toString()).toBe('MICROCODE')
    await writeFile(path('archive.gz'), whole.subarray(9))
    judge(
      'sh',
      '-c',
      `rm -rf ${path('initramfs')} && mkdir ${path('initramfs')} && cd ${path('initramfs')} && zcat ../archive.gz | cpio -id --quiet`,
    )
    const description = await readFile(path('initramfs/root-mount'), 'utf8')
    expect(description).toContain(`type ${type}\n`)
    const [, offset = '', digits = ''] = /^identity (\d+) ([0-9a-f]+)$/m.exec(description) ?? []
    const bytes = Buffer.from(digits, 'hex')
    expect(bytes.length).toBeGreaterThan(15)
    expect((await readFile(path(image))).subarray(Number(offset), Number(offset) + bytes.length).equals(bytes)).toBe(true)
    const module = type === 'squashfs' ? 'squashfs.ko' : 'isofs.ko'
    expect(await readdir(path('initramfs/lib/modules/6.12/kernel'))).toEqual([module])
    expect((await readFile(path('initramfs/init'))).includes('/root-mount')).toBe(true)
  })

  test('have the same bytes again, with another cache, and alone', async () => {
    const before = new Map<string, string>()
    for (const name of await readdir(shop.directory)) {
      if (/^call\d/.test(name)) before.set(name, await digestOf(path(name)))
    }
    await rm(join(shop.cacheDirectory, 'fragments'), { recursive: true })
    for (const [index, formats] of CALLS.entries()) {
      for (const format of formats.split(',').toReversed()) {
        for (const file of await build(options(format, `again${index}`))) {
          expect([basename(file), await digestOf(file)]).toEqual([basename(file), before.get(basename(file).replace('again', 'call'))])
          await rm(file)
        }
      }
    }
  })

  test('have the size that is wanted, and no more on this disk than before', async () => {
    const written = await build(options('raw,raw-bios,raw-efi,qcow2-bios,qcow2-efi,vhd,vmdk,aws,gcp', 'sized', { size: 3 * 2 ** 30 }))
    for (const file of written) {
      if (file.endsWith('.gz')) continue
      // QEMU takes a VHD of fixed size for a raw disk.
      const known = file.endsWith('.vhd') ? ['-f', 'vpc'] : /(?:img|raw)$/.test(file) ? ['-f', 'raw'] : []
      const information = JSON.parse(judge('qemu-img', 'info', '--output=json', ...known, file)) as object
      expect([basename(file), information]).toMatchObject([basename(file), { 'virtual-size': 3 * 2 ** 30 }])
      const { blocks } = await stat(file)
      expect(blocks * 512).toBeLessThan(60 << 20)
    }
    judgeVolume(path('sized-efi.img'), 'gpt')
    judgeGpt(path('sized-efi.img'))
    judgeVolume(path('sized.raw'), 'gpt')
    judgeGpt(path('sized.raw'))
    expect(judge('tar', '-tvzf', path('sized.img.tar.gz'))).toMatch(new RegExp(` ${3 * 2 ** 30} .* disk.raw\n$`))
  })

  test('refuse a size that is too small, and write nothing', async () => {
    const error: unknown = await build(options('raw-efi,raw-bios', 'small', { size: 1 << 20 })).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'build/size', message: expect.stringMatching(/needs a disk of \d+ MiB/) })
    expect((await readdir(shop.directory)).filter((name) => name.startsWith('small') || name.startsWith('.'))).toEqual([])
  })

  test.each(['squashfs', 'erofs'] as const)('can hold the root as one %s in the initrd', async (packedRoot) => {
    await build(options('kernel+initrd', `packed-${packedRoot}`, { packedRoot }))
    expect(await readFile(path(`packed-${packedRoot}-cmdline`), 'utf8')).toBe('console=ttyS0 rootfstype=ramfs')
    const initrd = await readFile(path(`packed-${packedRoot}-initrd.img`))
    await writeFile(path('archive'), initrd.subarray('MICROCODE'.length))
    judge('sh', '-c', `rm -rf ${path('packed')} && mkdir ${path('packed')} && cd ${path('packed')} && cpio -id --quiet < ../archive`)
    expect(await readFile(path('packed/root-mount'), 'utf8')).toMatch(new RegExp(`^type ${packedRoot}\n[^]*file /root.img\n$`))
    const other = await readFile(path(`call0-${packedRoot}.img`))
    expect((await readFile(path('packed/root.img'))).equals(other)).toBe(true)
  })

  test('leave the root to a kernel whose init cannot mount it, as in images of LinuxKit', async () => {
    await addImage(await openCache(shop.cacheDirectory), 'test/other', { init: 'another init', 'sbin/init': 'busybox' })
    await writeFile(path('other.yml'), 'kernel:\n  image: test/kernel\n  cmdline: quiet\n  ucode: none\ninit: [test/other]\n')
    const warnings: string[] = []
    await build(
      options('iso-bios,iso-efi,kernel+squashfs', 'other', {
        sources: [path('other.yml')],
        progress: (event) => event.type === 'warning' && warnings.push(event.message),
      }),
    )
    const configuration = judge('isoinfo', '-x', '/ISOLINUX/ISOLINUX.CFG;1', '-i', path('other.iso'))
    expect(configuration).toMatch(/KERNEL \/boot\/kernel\n {2}APPEND quiet root=\/dev\/sr0\n$/)
    expect((await fromVolume(path('other-efi.iso'), 'EFI/BOOT/BOOTX64.EFI')).includes('quiet root=/dev/sr0 text')).toBe(true)
    expect((await readdir(shop.directory)).filter((name) => name.startsWith('other-squashfs'))).toEqual(['other-squashfs.img'])
    expect(warnings).toContainEqual(expect.stringContaining('drivers that are built in'))
  })

  test('are refused with what to take instead when the image is too large for them', async () => {
    // Sizes are looked at before contents are read, so an initrd that is never read costs nothing.
    const part: Part = newPart({
      location: 'kernel',
      source: 'test',
      inputs: { large: true },
      async *entries() {
        yield entry({ path: 'boot/kernel', type: 'file', content: bytesContent(KERNEL) })
      },
    })
    const stub = await readFile('/usr/lib/systemd/boot/efi/linuxx64.efi.stub')
    await using materials = new Materials(
      { parts: [part], kernelCompressions: [] },
      {
        arch: 'amd64',
        fragmentDirectory: join(shop.cacheDirectory, 'fragments'),
        compression: undefined,
        packedRoot: undefined,
        size: undefined,
        bootLoaders: new Map([['systemd-boot', new Map([['usr/lib/systemd/boot/efi/linuxx64.efi.stub', stub]])]]),
        progress: silent,
        signal: SIGNAL,
      },
    )
    const boot = { kernel: bytesContent(KERNEL), initrd: zeros(5 * 2 ** 30), commandLine: '', identity: digestOfBytes('large') }
    await materials.once('boot', async () => boot)
    for (const name of ['raw-efi', 'iso', 'uki']) {
      await expect(makeFiles(findFormat(name), materials)).rejects.toMatchObject({
        code: 'disk/file-too-large',
        hint: expect.stringContaining('iso-bios, iso-efi, kernel+squashfs'),
      })
    }
  })

  test('need a kernel', async () => {
    await writeFile(path('without.yml'), 'init: [test/init]\n')
    await expect(build(options('raw', 'without', { sources: [path('without.yml')] }))).rejects.toMatchObject({ code: 'build/no-kernel' })
  })

  test('are written whole or not at all', async () => {
    const before = await digestOf(path('call0.img'))
    const controller = new AbortController()
    const progress: BuildOptions['progress'] = ({ type }) => type === 'start' && controller.abort()
    await rm(join(shop.cacheDirectory, 'fragments'), { recursive: true })
    await expect(build(options('raw,iso-bios', 'call0', { progress, signal: controller.signal }))).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(await digestOf(path('call0.img'))).toBe(before)
    expect((await readdir(shop.directory)).filter((name) => name.startsWith('.'))).toEqual([])
    await truncate(path('call0.img'), 0)
    await build(options('raw', 'call0'))
    expect(await digestOf(path('call0.img'))).toBe(before)
  })
})
