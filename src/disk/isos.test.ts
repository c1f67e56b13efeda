import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { entry, FIXED_TIME } from '../archive/entry.js'
import { buildTree } from '../archive/tree.js'
import { bytesContent, concatContents, readContent, textContent, type Content } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { biosIso } from './bios-iso.js'
import { efiIso } from './efi-iso.js'
import { mediumContent, type Extents } from './extents.js'
import { hybridIso, type HybridIsoParts } from './hybrid-iso.js'
import { judge, temporaryDirectory, writeRaw } from './test-support.js'

const isolinux = {
  program: readFileSync('/usr/lib/ISOLINUX/isolinux.bin'),
  module: readFileSync('/usr/lib/syslinux/modules/bios/ldlinux.c32'),
  diskCode: readFileSync('/usr/lib/ISOLINUX/isohdpfx.bin'),
}
const common = { volumeId: 'LinuxKit', time: FIXED_TIME, identity: digestOf('an image') }
const kernel = bytesContent(Buffer.alloc(5000, 'k'))
const initrd = bytesContent(Buffer.alloc(70_001, 'i'))
const commandLine = 'console=ttyS0 root=/dev/sr0'
const root = buildTree([
  entry({ path: 'etc/os-release', type: 'file', content: textContent('NAME=LinuxKit\n') }),
  entry({ path: 'boot/kernel', type: 'file', content: textContent('another one') }),
])
const program = concatContents([bytesContent(Buffer.alloc(4096, 's')), kernel, bytesContent(Buffer.alloc(2048 * 3 - 5000)), initrd])
const hybrid: HybridIsoParts = {
  ...common,
  isolinux,
  commandLine,
  kernel,
  initrd,
  program: { content: program, kernelOffset: 4096, initrdOffset: 4096 + 2048 * 3 },
}

/** What xorriso says of an image, and what mtools and isoinfo read from it. */
async function judged(extents: Extents) {
  const directory = temporaryDirectory()
  const path = directory.path('image.iso')
  await writeRaw(path, extents)
  return {
    report: judge('xorriso', '-indev', path, '-report_el_torito', 'plain', '-report_system_area', 'plain', '-check_media', '--'),
    partitions: () => judge('sgdisk', '-v', path),
    read: (name: string) => judge('isoinfo', '-x', name, '-i', path),
    fromPartition(name: string) {
      judge('mcopy', '-i', `${path}@@1M`, `::${name}`, directory.path('copy'))
      return readFileSync(directory.path('copy'))
    },
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  }
}

describe('an image for BIOS', () => {
  test('is started from CD and from disk', async () => {
    const extents = biosIso({ ...common, root, joliet: true, kernel, initrd, commandLine, isolinux })
    using image = await judged(extents)
    expect(image.report).toMatch(/El Torito boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 /u)
    expect(image.report).toMatch(/img path : +1 +\/isolinux\/isolinux.bin/u)
    expect(image.report).toMatch(/img opts : +1 +boot-info-table isohybrid-suitable/u)
    expect(image.report).toContain('System area summary: MBR isohybrid')
    expect(image.report).toMatch(new RegExp(`MBR partition +: +1 +0x80 +0x17 +0 +${extents.size / 512}`, 'u'))
    expect(image.report).toContain('+ good')
  })

  test('has the kernel, the initrd and how they are booted where isolinux looks', async () => {
    using image = await judged(biosIso({ ...common, root, kernel, initrd, commandLine, isolinux }))
    expect(image.read('/ISOLINUX/ISOLINUX.CFG;1')).toBe(
      `DEFAULT linux\nLABEL linux\n  KERNEL /boot/kernel\n  INITRD /boot/initrd.img\n  APPEND ${commandLine}\n`,
    )
    expect(image.read('/BOOT/KERNEL.;1')).toBe('k'.repeat(5000))
    expect(image.read('/BOOT/INITRD.IMG;1')).toBe('i'.repeat(70_001))
    expect(image.read('/ETC/OS_RELEASE.;1')).toBe('NAME=LinuxKit\n')
  })

  test('boots a root that is the image itself without an initrd', async () => {
    using image = await judged(biosIso({ ...common, root, kernel, commandLine, isolinux }))
    expect(image.read('/ISOLINUX/ISOLINUX.CFG;1')).not.toContain('INITRD')
  })

  test('is refused when the kernel would not see the end of its command line', () => {
    const most = 2046 - 'BOOT_IMAGE=/boot/kernel '.length
    const image =
      (length: number, parts: { readonly initrd?: Content } = {}) =>
      () =>
        biosIso({ ...common, ...parts, root, kernel, commandLine: 'x'.repeat(length), isolinux })
    const tooLong = expect.objectContaining({ code: 'disk/command-line-too-long' })
    expect(image(most)).not.toThrow()
    expect(image(most + 1)).toThrow(tooLong)
    expect(image(most, { initrd })).toThrow(tooLong)
    expect(image(most - ' initrd=/boot/initrd.img'.length, { initrd })).not.toThrow()
  })

  test('is refused when there is no place for the boot loader', () => {
    const inTheWay = buildTree([entry({ path: 'isolinux', type: 'symlink', link: 'boot' })])
    expect(() => biosIso({ ...common, root: inTheWay, kernel, commandLine, isolinux })).toThrow(
      expect.objectContaining({ code: 'disk/in-the-way' }),
    )
  })
})

describe('an image for UEFI', () => {
  test('has a partition that is started from CD and from disk', async () => {
    using image = await judged(efiIso({ ...common, arch: 'amd64', program, root }))
    expect(image.report).toMatch(/El Torito boot img : +1 +UEFI +y +none +0x0000 +0x00 +\d+ +512\n/u)
    expect(image.report).toMatch(/GPT start and size : +1 +2048 /u)
    expect(image.report).toContain('+ good')
    expect(image.partitions()).toContain('No problems found')
    expect(image.fromPartition('/EFI/BOOT/BOOTX64.EFI')).toEqual(await readContent(program))
    expect(image.read('/ETC/OS_RELEASE.;1')).toBe('NAME=LinuxKit\n')
  })

  test('may have more in it than El Torito can count', async () => {
    using image = await judged(efiIso({ ...common, arch: 'arm64', program: bytesContent(Buffer.alloc(34 << 20)) }))
    expect(image.report).toMatch(/El Torito boot img : +1 +UEFI +y +none +0x0000 +0x00 +1 +512\n/u)
  })
})

describe('an image for both', () => {
  test('is started by either, from CD and from disk', async () => {
    using image = await judged(hybridIso({ ...hybrid, root }))
    expect(image.report).toMatch(/El Torito boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 /u)
    expect(image.report).toMatch(/El Torito boot img : +2 +UEFI +y +none +0x0000 +0x00 +\d+ +512\n/u)
    expect(image.report).toMatch(/img opts : +1 +boot-info-table isohybrid-suitable/u)
    expect(image.report).toMatch(/System area summary: MBR isohybrid .*GPT/u)
    expect(image.report).toMatch(/GPT start and size : +1 +2048 /u)
    expect(image.report).toContain('+ good')
    expect(image.partitions()).toContain('No problems found')
  })

  test('has kernel and initrd once, in the program', async () => {
    const extents = hybridIso(hybrid)
    const bytes = await readContent(mediumContent(extents))
    for (const letter of ['k', 'i'])
      expect(bytes.indexOf(letter.repeat(3000))).toBe(bytes.lastIndexOf(letter.repeat(3000)) - (letter === 'k' ? 2000 : 67_001))
    using image = await judged(extents)
    expect(image.read('/BOOT/KERNEL.;1')).toBe('k'.repeat(5000))
    expect(image.read('/BOOT/INITRD.IMG;1')).toBe('i'.repeat(70_001))
    expect(image.fromPartition('/EFI/BOOT/BOOTX64.EFI')).toEqual(await readContent(program))
  })
})
