import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesContent, readAll } from '../base/content.js'
import { zeros } from './extents.js'
import { judge, temporaryDirectory, writeContent } from './test-support.js'
import { unifiedKernel, type UnifiedKernelParts } from './uki.js'

const STUB = `/usr/lib/systemd/boot/efi/linux${process.arch === 'arm64' ? 'aa64' : 'x64'}.efi.stub`

const kernel = Buffer.concat([Buffer.from('MZ'), createHash('shake256', { outputLength: 100_001 }).update('kernel').digest()])
const initrd = createHash('shake256', { outputLength: 70_003 }).update('initrd').digest()

const parts: UnifiedKernelParts = {
  stub: readFileSync(STUB),
  osRelease: 'ID=linuxkit\nPRETTY_NAME="LinuxKit"\n',
  commandLine: 'console=ttyS0\nquiet\n',
  release: '6.12.0',
  kernel: bytesContent(kernel),
  initrd: bytesContent(initrd),
}

interface Line {
  readonly name: string
  readonly size: number
  readonly address: number
  readonly offset: number
}

/** What objdump says of the sections. */
function sectionsOf(path: string): readonly Line[] {
  return [...judge('objdump', '-h', path).matchAll(/^ +\d+ (\S+) +([0-9a-f]+) +([0-9a-f]+) +[0-9a-f]+ +([0-9a-f]+)/gm)].map(
    ([, name = '', size = '', address = '', offset = '']) => ({
      name,
      size: parseInt(size, 16),
      address: parseInt(address, 16),
      offset: parseInt(offset, 16),
    }),
  )
}

describe('a unified kernel image', () => {
  test.each([512, 2048])('has sections that begin at multiples of %d', async (alignment) => {
    using directory = temporaryDirectory()
    const path = directory.path('linux.efi')
    const { content, kernelOffset, initrdOffset } = await unifiedKernel({ ...parts, alignment })
    await writeContent(path, content)
    const bytes = readFileSync(path)
    expect(judge('file', path)).toMatch(/PE32\+ executable \(EFI application\)|PE32\+ executable for EFI/)

    const sections = sectionsOf(path)
    expect(sections.slice(-5).map(({ name }) => name)).toEqual(['.osrel', '.cmdline', '.uname', '.initrd', '.linux'])
    expect(sections.slice(0, -5)).toEqual(sectionsOf(STUB))
    const end = (section: Line): number => section.address + section.size
    for (const [index, section] of sections.entries())
      expect(section.address).toBeGreaterThanOrEqual(index === 0 ? 0 : end(sections[index - 1] as Line))
    const stored = Object.fromEntries(sections.map(({ name, size, offset }) => [name, bytes.subarray(offset, offset + size)]))
    expect(stored['.cmdline']?.toString()).toBe('console=ttyS0 quiet')
    expect(stored['.osrel']?.toString()).toBe(parts.osRelease)
    expect(stored['.uname']?.toString()).toBe('6.12.0')
    expect(stored['.initrd']?.equals(initrd)).toBe(true)
    expect(stored['.linux']?.equals(kernel)).toBe(true)

    expect(sections.at(-1)?.offset).toBe(kernelOffset)
    expect(sections.at(-2)?.offset).toBe(initrdOffset)
    expect([kernelOffset % alignment, (initrdOffset ?? 1) % alignment]).toEqual([0, 0])
  })

  test('without an initrd', async () => {
    const { initrd: _, ...others } = parts
    const image = await unifiedKernel(others)
    expect(image.initrdOffset).toBeUndefined()
    expect(
      await readAll(image.content.open({ start: image.kernelOffset, end: image.kernelOffset + kernel.length }), kernel.length),
    ).toEqual(kernel)
  })

  test('has no section for what is empty', async () => {
    using directory = temporaryDirectory()
    const path = directory.path('linux.efi')
    await writeContent(
      path,
      (await unifiedKernel({ ...parts, commandLine: '\n', release: '', initrd: bytesContent(Buffer.alloc(0)) })).content,
    )
    expect(sectionsOf(path).slice(-2)).toMatchObject([{ name: '.osrel' }, { name: '.linux' }])
    expect(judge('objdump', '-h', path)).not.toContain('.cmdline')
  })

  test('moves the sections of a stub that has no room for more headers', async () => {
    using directory = temporaryDirectory()
    const [stubPath, path] = [directory.path('stub.efi'), directory.path('linux.efi')]
    // As many sections without content as the headers hold.
    const stub = Buffer.from(parts.stub)
    const header = stub.readUInt32LE(0x3c)
    const table = header + 24 + stub.readUInt16LE(header + 20)
    const headersSize = stub.readUInt32LE(header + 24 + 60)
    const count = Math.floor((headersSize - table) / 40)
    const known = stub.readUInt16LE(header + 6)
    const last = stub.subarray(table + (known - 1) * 40, table + known * 40)
    for (let index = known; index < count; index += 1) {
      stub.set(last, table + index * 40)
      stub.writeUInt32LE(0, table + index * 40 + 16)
      stub.writeUInt32LE(0, table + index * 40 + 20)
    }
    stub.writeUInt16LE(count, header + 6)
    await writeContent(stubPath, bytesContent(stub))
    const { content } = await unifiedKernel({ ...parts, stub })
    await writeContent(path, content)
    const [before, after] = [sectionsOf(stubPath), sectionsOf(path)]
    const shift = (after[0]?.offset ?? 0) - (before[0]?.offset ?? 0)
    expect(shift).toBeGreaterThan(0)
    const bytes = readFileSync(path)
    for (const [index, { offset, size, address }] of before.slice(0, known).entries()) {
      expect(after[index]).toMatchObject({ offset: offset + shift, address, size })
      expect(bytes.subarray(offset + shift, offset + shift + size).equals(stub.subarray(offset, offset + size))).toBe(true)
    }
    expect(after.at(-1)).toMatchObject({ name: '.linux', size: kernel.length })
  })

  test.each([
    ['disk/kernel-not-efi', 'compressed with gzip', { kernel: bytesContent(Buffer.of(0x1f, 0x8b, 8)) }],
    ['disk/kernel-not-efi', 'cannot be started', { kernel: bytesContent(Buffer.of(0)) }],
    ['disk/file-too-large', 'smaller than 4 GiB', { initrd: zeros(4 * 2 ** 30) }],
    ['disk/bad-stub', 'damaged', { stub: parts.stub.subarray(0, 60) }],
    ['disk/bad-stub', 'damaged', { stub: parts.stub.subarray(0, 4096) }],
    ['disk/bad-stub', 'damaged', { stub: Buffer.alloc(4096) }],
  ])('%s: %s', async (code, message, wrong) => {
    await expect(unifiedKernel({ ...parts, ...wrong })).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })
})
