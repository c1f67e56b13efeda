import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesContent, readAll, readContent } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { mediumContent, zeros } from './extents.js'
import { fatVolume, type FatFile, type FatOptions, type FatType } from './fat.js'
import { GIBIBYTE, MEBIBYTE } from './sectors.js'
import { judge, temporaryDirectory, writeRaw } from './test-support.js'

const options: FatOptions = { id: 0x1234abcd, label: 'LINUXKIT' }

/** The digests of what mtools copies out of the volume, by path. */
function copied(image: string, into: string): Map<string, string> {
  mkdirSync(into)
  judge('mcopy', '-s', '-n', '-i', image, '::', into)
  const paths = readdirSync(into, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(into, path)).isFile())
  return new Map(paths.map((path) => [path, digestOf(readFileSync(join(into, path)))]))
}

async function checked(files: readonly FatFile[], fatOptions: FatOptions) {
  using directory = temporaryDirectory()
  const image = directory.path('volume')
  const volume = fatVolume(files, fatOptions)
  await writeRaw(image, volume)
  const said = judge('fsck.fat', '-vn', image)
  expect([...volume.offsets.keys()]).toEqual(files.filter(({ content }) => content.size > 0).map(({ path }) => path))
  for (const offset of volume.offsets.values()) expect(offset % (fatOptions.alignment ?? 512)).toBe(0)
  return { volume, said, listing: judge('mdir', '-/', '-a', '-i', image, '::'), copies: copied(image, directory.path('copy')) }
}

const file = (path: string, size: number): FatFile => ({ path, content: bytesContent(Buffer.alloc(size, `${path}\n`)) })

describe('a FAT volume', () => {
  test.each([
    [12, 100_000, '12 bit entries'],
    [16, 5_000_000, '16 bit entries'],
    [32, 40_000_000, '32 bit entries'],
  ] as const)('of type FAT%d', async (type, size, expected) => {
    const files = [file('kernel', size), file('initrd.img', size + 1), file('EFI/BOOT/BOOTX64.EFI', 1234), file('loader/loader.conf', 20)]
    const { volume, said, copies, listing } = await checked(files, { ...options, types: [type] })
    expect(volume.type).toBe(type)
    expect(said).toContain(expected)
    expect(copies).toEqual(await digests(files))
    expect(listing).toContain('Volume in drive : is LINUXKIT')
    expect(listing).toContain('Volume Serial Number is 1234-ABCD')
    expect(listing).toMatch(/initrd {3}img +\d+ 2017-04-18 {2}16:30/)
    expect(listing).toMatch(/loader +conf +20 2017-04-18 {2}16:30 {2}loader\.conf|loader\.conf/)
  })

  test('is no larger than it must be', async () => {
    const one = fatVolume([file('kernel', 1_000_000)], options)
    expect(one.type).toBe(12)
    expect(one.size).toBeLessThan(1_000_000 + 32_768)
    expect(fatVolume([file('kernel', 1)], { ...options, types: [32] }).size).toBeLessThan(33 * MEBIBYTE)
  })

  test('keeps the order of the files, whatever their contents', async () => {
    const files = [file('z', 3000), file('a', 512), file('empty', 0), file('m/x', 513)]
    const { offsets } = fatVolume(files, { ...options, types: [16] })
    expect([...offsets.keys()]).toEqual(['z', 'a', 'm/x'])
    expect([...offsets.values()]).toEqual([...offsets.values()].toSorted((a, b) => a - b))
    const other = files.map(({ path, content }) => ({ path, content: zeros(content.size) }))
    expect(fatVolume(other, { ...options, types: [16] }).offsets).toEqual(offsets)
  })

  test('of several GiB, with a table that is made while it is read', async () => {
    const files = [
      { path: 'one', content: zeros(3 * GIBIBYTE) },
      { path: 'two', content: zeros(4 * GIBIBYTE - 40_000) },
    ]
    const volume = fatVolume(files, options)
    expect(volume.type).toBe(32)
    using directory = temporaryDirectory()
    const image = directory.path('volume')
    await writeRaw(image, { ...volume, extents: volume.extents.filter(({ content }) => content.size < GIBIBYTE) })
    judge('fsck.fat', '-vn', image)
    expect(judge('mdir', '-i', image, '::')).toMatch(/one +3221225472[^]*two +4294927296/)
  })

  test('has the size that is wanted', async () => {
    const { volume, said } = await checked([file('kernel', 1000)], { ...options, leastSize: 300 * MEBIBYTE, types: [16, 32] })
    expect(volume.size).toBe(300 * MEBIBYTE)
    expect(said).toContain('2 files')
  })

  test('marks files of the boot loader, and says where its partition begins', async () => {
    const { listing, volume, copies } = await checked([{ ...file('ldlinux.sys', 10), system: true }], { ...options, hiddenSectors: 2048 })
    expect(listing).toMatch(/ldlinux +sys +10/)
    expect(copies.size).toBe(1)
    expect((await readAll(mediumContent(volume).open({ start: 28, end: 32 }), 4)).readUInt32LE()).toBe(2048)
  })

  test.each([
    [0, /1980-01-01 {3}0:00/],
    [1e10, /2107-12-31 {2}23:59/],
  ])('of the time %d shows the nearest that FAT knows', async (seconds, expected) => {
    const { listing } = await checked([file('kernel', 10)], { ...options, time: { seconds, nanoseconds: 0 } })
    expect(listing).toMatch(expected)
  })

  test.each([
    ['disk/file-too-large', 'smaller than 4 GiB', [{ path: 'initrd.img', content: zeros(4 * GIBIBYTE) }]],
    [
      'disk/too-large',
      'large enough',
      Array.from({ length: 600 }, (_, index) => ({ path: `f${index}`, content: zeros(4 * GIBIBYTE - 1) })),
    ],
    ['disk/duplicate-name', '"kernel" and "KERNEL"', [file('kernel', 1), file('KERNEL', 1)]],
    ['disk/duplicate-name', '"a" is on', [file('a', 1), file('a/b', 1)]],
    ['disk/duplicate-name', '"a/b" is on', [file('a/b', 1), file('a/b', 1)]],
    ['disk/bad-name', 'not allow', [file('a:b', 1)]],
    ['disk/bad-name', 'is not one', [file('a//b', 1)]],
    ['disk/bad-name', 'ends in', [file('a./b', 1)]],
    ['disk/bad-name', 'longer', [file('a'.repeat(256), 1)]],
    ['disk/bad-name', 'Unicode', [file('\ud800', 1)]],
  ])('%s: %s', (code, message, files) => {
    expect(() => fatVolume(files, options)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
  })

  test('of any files is in order', { timeout: 120_000 }, async () => {
    const character = fc.constantFrom(...Array.from('abcXYZ019 .-_~+äß漢,;=[]'))
    const name = fc
      .string({ unit: character, minLength: 1, maxLength: 40 })
      .filter((text) => !/[. ]$/.test(text) && !/^[. ]/.test(text) && text.trim() !== '')
    const tree = fc.uniqueArray(fc.tuple(fc.array(name, { maxLength: 2 }), name, fc.nat(9000)), {
      // mdir finds nothing in an empty volume.
      minLength: 1,
      maxLength: 40,
      selector: ([, own]) => own.toLowerCase().normalize('NFC'),
    })
    const type = fc.constantFrom<FatType>(12, 16, 32)
    await fc.assert(
      fc.asyncProperty(tree, type, fc.constantFrom(512, 2048), async (entries, fatType, alignment) => {
        // Directories that no file has the name of, so that nothing is there twice.
        const files = entries.map(([parents, own, size]) =>
          file([...parents.map((parent) => `d${parent.toLowerCase()}`), `f${own}`].join('/'), size),
        )
        const { copies } = await checked(files, { ...options, types: [fatType], alignment })
        expect(copies).toEqual(await digests(files))
      }),
      { numRuns: 15 },
    )
  })
})

async function digests(files: readonly FatFile[]): Promise<Map<string, string>> {
  return new Map(await Promise.all(files.map(async ({ path, content }) => [path, digestOf(await readContent(content))] as const)))
}
