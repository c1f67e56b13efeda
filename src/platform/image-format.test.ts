import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isEfiOnlyCd, isEfiOnlyDisk } from './efi-only.js'
import { recogniseImage } from './image-format.js'

let directory: string
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'image-format-'))))
afterAll(() => rmSync(directory, { recursive: true }))

const file = (name: string, content: string | Uint8Array = ''): string => {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}
const run = (program: string, argv: readonly string[], input = '') =>
  execFileSync(program, argv, { input, stdio: ['pipe', 'pipe', 'pipe'] })

/** A raw disk with partitions, in the words of sfdisk(8). */
function disk(name: string, partitions: string, code = ''): Buffer {
  const path = file(name, Buffer.alloc(8 << 20))
  run('sfdisk', ['--quiet', path], partitions)
  const bytes = run('head', ['-c', '65536', path])
  bytes.write(code)
  return bytes
}

describe('recogniseImage', () => {
  test.each([
    ['qcow2', ['-f', 'qcow2']],
    ['vpc', ['-f', 'vpc', '-o', 'subformat=dynamic']],
    ['vpc', ['-f', 'vpc', '-o', 'subformat=fixed']],
    ['vmdk', ['-f', 'vmdk', '-o', 'subformat=streamOptimized']],
  ])('knows %s as qemu-img makes it with %j', async (format, options) => {
    const path = join(directory, 'disk')
    run('qemu-img', ['create', ...options, path, '4M'])
    expect(await recogniseImage(path)).toBe(format)
  })

  test('knows a CD, also when it could be a disk, a disk with partitions, what is packed, and nothing in what is not an image', async () => {
    const cd = join(directory, 'cd')
    run('xorriso', ['-as', 'mkisofs', '-quiet', '-o', cd, '-partition_offset', '16', directory])
    expect(await recogniseImage(cd)).toBe('iso')
    expect(await recogniseImage(file('raw', disk('d', 'label: dos\n,,0c,*\n')))).toBe('raw')
    expect(await recogniseImage(file('packed', run('gzip', ['-c'], 'x')))).toBe('gzip')
    expect(await recogniseImage(file('empty'))).toBeUndefined()
    expect(await recogniseImage(file('MZ', 'MZ'))).toBeUndefined()
  })

  test('knows a program of EFI', async () => {
    const program = Buffer.alloc(256)
    program.write('MZ')
    program.writeUInt32LE(128, 0x3c)
    program.write('PE\0\0', 128)
    expect(await recogniseImage(file('program', program))).toBe('efi-program')
  })

  test('bears any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
        const path = file('any', bytes)
        await recogniseImage(path)
        expect(await isEfiOnlyCd(path)).toBe(false)
      }),
      { numRuns: 50 },
    )
  })
})

describe('isEfiOnlyDisk', () => {
  const EFI_SYSTEM = 'type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
  test.each<[boolean, string, string, string]>([
    [true, 'a GPT with an EFI system partition', `label: gpt\n${EFI_SYSTEM}\n`, ''],
    [true, 'the same with code that finds nothing to go on to', `label: gpt\n${EFI_SYSTEM}\n`, 'code'],
    [false, 'code that goes on to a marked partition', `label: gpt\n${EFI_SYSTEM}, attrs=LegacyBIOSBootable\n`, 'code'],
    [
      false,
      'code that goes on to a BIOS boot partition',
      `label: gpt\nsize=1M, type=21686148-6449-6E6F-744E-656564454649\n${EFI_SYSTEM}\n`,
      'code',
    ],
    [true, 'a marked partition and no code', `label: gpt\n${EFI_SYSTEM}, attrs=LegacyBIOSBootable\n`, ''],
    [false, 'a GPT of another system', 'label: gpt\ntype=linux\n', ''],
    [true, 'an MBR with an EFI system partition', 'label: dos\n,,ef\n', ''],
    [false, 'the same with code', 'label: dos\n,,ef\n', 'code'],
    [false, 'an MBR with an active partition', 'label: dos\n,,0c,*\n', 'code'],
  ])('says %s of %s', (expected, _, partitions, code) => {
    expect(isEfiOnlyDisk(disk('disk', partitions, code))).toBe(expected)
  })

  test('bears any bytes', () => {
    const header = fc.uint8Array({ minLength: 84, maxLength: 84 }).map((bytes) => Buffer.concat([Buffer.from('EFI PART'), bytes]))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 512 }), header, fc.uint8Array({ maxLength: 4096 }), (code, table, entries) => {
        const start = Buffer.alloc(1024 + entries.length)
        start.set(code)
        start.set(table, 512)
        start.set(entries, 1024)
        expect(isEfiOnlyDisk(start)).toBeTypeOf('boolean')
        expect(isEfiOnlyDisk(start.subarray(0, code.length))).toBe(false)
      }),
    )
  })
})

describe('isEfiOnlyCd', () => {
  test.each<[boolean, readonly string[]]>([
    [true, ['-e', 'boot.img', '-no-emul-boot']],
    [false, ['-b', 'boot.img', '-no-emul-boot']],
    [false, ['-b', 'boot.img', '-no-emul-boot', '-eltorito-alt-boot', '-e', 'boot.img', '-no-emul-boot']],
    [false, []],
  ])('says %s of a CD made with %j', async (expected, options) => {
    file('boot.img', Buffer.alloc(4096))
    const cd = join(directory, 'cd')
    run('xorriso', ['-as', 'mkisofs', '-quiet', '-o', cd, ...options, '-graft-points', `boot.img=${join(directory, 'boot.img')}`])
    expect(await isEfiOnlyCd(cd)).toBe(expected)
  })
})
