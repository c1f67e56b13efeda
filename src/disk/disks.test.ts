import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesContent, readContent } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { biosDisk, type BiosDiskParts } from './bios-disk.js'
import { efiDisk } from './efi-disk.js'
import { mediumContent, zeros, type Extents } from './extents.js'
import { hybridDisk } from './hybrid-disk.js'
import { GIBIBYTE, MEBIBYTE } from './sectors.js'
import { judge, temporaryDirectory, writeRaw } from './test-support.js'

/** In place of the boot loaders: these tests look at where things lie, those of the parts at what they are. */
const noise = (name: string, size: number): Buffer => createHash('shake256', { outputLength: size }).update(name).digest()
const loader = Buffer.alloc(16384)
loader.writeUInt32LE(0x3eb202fe, 0x18)
loader.writeUInt16LE(1024, 0x18 + 22)
for (const [index, pointer] of [2048, 0, 0, 0, 0, 4096, 10, 0x11a, 0x120].entries()) loader.writeUInt16LE(pointer, 1024 + index * 2)
const parts: BiosDiskParts = {
  identity: digestOf('an image'),
  bootCode: noise('code', 440),
  syslinux: { bootSector: noise('sector', 512), loader, module: noise('module', 100_000) },
  kernel: bytesContent(noise('kernel', 5_000_001)),
  initrd: bytesContent(noise('initrd', 7_000_001)),
  commandLine: 'console=ttyS0',
}
const systemdBoot = bytesContent(noise('systemd-boot', 140_000))

interface Examined {
  readonly table: { readonly label: string; readonly partitions: readonly Readonly<Record<string, unknown>>[] }
  /** On a GPT. */
  readonly verdict: string
  readonly first: Buffer
  readonly read: (path: string) => Buffer
}

/** Lets the tools judge a disk, its table and the file system in its first partition. */
async function examine(disk: Extents, look: (examined: Examined) => void): Promise<void> {
  using directory = temporaryDirectory()
  const path = directory.path('disk')
  await writeRaw(path, disk)
  const { partitiontable: table } = JSON.parse(judge('sfdisk', '-J', path))
  const volume = directory.path('volume')
  const [{ start, size }] = table.partitions
  judge('dd', `if=${path}`, `of=${volume}`, 'bs=512', `skip=${start}`, `count=${size}`, 'conv=sparse', 'status=none')
  judge('fsck.fat', '-vn', volume)
  const verdict = judge('sgdisk', '-v', path)
  look({
    table,
    verdict,
    first: readFileSync(volume).subarray(0, 512),
    read: (name) => {
      const copy = directory.path('copy')
      judge('mcopy', '-n', '-o', '-i', volume, `::${name}`, copy)
      return readFileSync(copy)
    },
  })
}

describe('a disk for a BIOS', () => {
  test('has an active partition with syslinux, kernel and initrd', async () => {
    const disk = biosDisk(parts)
    expect(disk.size % MEBIBYTE).toBe(0)
    expect(disk.size).toBeLessThan(16 * MEBIBYTE)
    await examine(disk, ({ table, first, read }) => {
      expect(table).toMatchObject({ label: 'dos', partitions: [{ start: 2048, type: 'e', bootable: true }] })
      expect(first.readUInt32LE(28)).toBe(2048)
      expect(digestOf(read('kernel'))).toBe(digestOf(noise('kernel', 5_000_001)))
      expect(digestOf(read('initrd.img'))).toBe(digestOf(noise('initrd', 7_000_001)))
      expect(read('syslinux.cfg').toString()).toContain('APPEND console=ttyS0')
    })
  })

  test('begins with the code', async () => {
    const bytes = await readContent(mediumContent(biosDisk(parts)))
    expect(bytes.subarray(0, 440).equals(noise('code', 440))).toBe(true)
  })

  test('takes a command line as long as the kernel does', () => {
    const longest = 2047 - 'BOOT_IMAGE=/kernel '.length - ' initrd=/initrd.img'.length
    expect(biosDisk({ ...parts, commandLine: `${'x'.repeat(longest)}\n` }).size).toBeGreaterThan(0)
    expect(() => biosDisk({ ...parts, commandLine: 'x'.repeat(longest + 1) })).toThrow(
      expect.objectContaining({ code: 'disk/command-line-too-long', message: expect.stringContaining('2048 bytes') }),
    )
  })

  test('of more than 2 GiB has FAT32', async () => {
    const large = biosDisk({ ...parts, initrd: zeros(3 * GIBIBYTE), leastSize: 4 * GIBIBYTE + 1 })
    expect(large.size).toBe(4 * GIBIBYTE + MEBIBYTE)
    using directory = temporaryDirectory()
    const path = directory.path('disk')
    await writeRaw(path, { ...large, extents: large.extents.filter(({ content }) => content.size < GIBIBYTE) })
    expect(JSON.parse(judge('sfdisk', '-J', path)).partitiontable.partitions).toMatchObject([{ type: 'c' }])
    expect(judge('mdir', '-i', `${path}@@1M`, '::')).toMatch(/initrd +img +3221225472/)
  })
})

describe('a disk for EFI', () => {
  test.each([
    ['amd64', 'EFI/BOOT/BOOTX64.EFI'],
    ['arm64', 'EFI/BOOT/BOOTAA64.EFI'],
    ['riscv64', 'EFI/BOOT/BOOTRISCV64.EFI'],
  ] as const)('of %s has the program as %s', async (arch, path) => {
    await examine(efiDisk({ identity: parts.identity, arch, program: parts.kernel }), ({ table, verdict, read }) => {
      expect(verdict).toContain('No problems found')
      expect(table.partitions).toHaveLength(1)
      expect(table.partitions).toMatchObject([{ start: 2048, type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B' }])
      expect(digestOf(read(path))).toBe(digestOf(noise('kernel', 5_000_001)))
    })
  })

  test('has the size that is wanted, and its second table at the end', async () => {
    const disk = efiDisk({ identity: parts.identity, arch: 'amd64', program: parts.kernel, leastSize: 5 * GIBIBYTE })
    expect(disk.size).toBe(5 * GIBIBYTE)
    await examine(disk, ({ table, verdict }) => {
      expect(verdict).toContain('No problems found')
      expect(table).toMatchObject({ lastlba: (5 * GIBIBYTE) / 512 - 34 })
    })
  })
})

test('a disk for both has one kernel and initrd, and a partition that both start', async () => {
  await examine(hybridDisk({ ...parts, systemdBoot }), ({ table, verdict, first, read }) => {
    expect(verdict).toContain('No problems found')
    expect(table.partitions).toMatchObject([{ attrs: 'LegacyBIOSBootable' }])
    expect(first.readUInt32LE(28)).toBe(2048)
    expect(digestOf(read('EFI/BOOT/BOOTX64.EFI'))).toBe(digestOf(noise('systemd-boot', 140_000)))
    expect(digestOf(read('initrd.img'))).toBe(digestOf(noise('initrd', 7_000_001)))
    expect(read('syslinux.cfg').toString()).toContain('KERNEL /kernel\n  INITRD /initrd.img\n')
    expect(read('loader/entries/linuxkit.conf').toString()).toBe(
      'title LinuxKit\nlinux /kernel\ninitrd /initrd.img\noptions console=ttyS0\n',
    )
  })
})

test('disks of another identity differ in their ids alone', async () => {
  const other = { ...parts, identity: digestOf('another image') }
  for (const make of [biosDisk, (given: BiosDiskParts) => hybridDisk({ ...given, systemdBoot })]) {
    const [one, same, another] = await Promise.all([parts, parts, other].map((given) => readContent(mediumContent(make(given)))))
    expect(one?.equals(same ?? Buffer.alloc(0))).toBe(true)
    expect(one?.equals(another ?? Buffer.alloc(0))).toBe(false)
    const different = one?.reduce((count, byte, index) => count + (byte === another?.[index] ? 0 : 1), 0)
    expect(different).toBeLessThan(200)
  }
})
