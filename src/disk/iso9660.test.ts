import { readFileSync, readlinkSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entry, type Entry } from '../archive/entry.js'
import { readTar } from '../archive/tar-reader.js'
import { run } from '../archive/test-support.js'
import { buildTree, walk, type TreeNode } from '../archive/tree.js'
import { bytesContent, concatContents, readContent, textContent } from '../base/content.js'
import { mediumContent, zeros } from './extents.js'
import { isoImage, type IsoImage, type IsoOptions } from './iso9660.js'
import { judge, temporaryDirectory, writeRaw } from './test-support.js'

const time = { seconds: 1492533000, nanoseconds: 0 }
const file = (path: string, text = path) => entry({ path, type: 'file', content: textContent(text) })

function image(entries: readonly Entry[], options: Partial<IsoOptions> = {}): IsoImage {
  return isoImage({ root: buildTree(entries), volumeId: 'LinuxKit', time, ...options })
}

/** What a tree says that the file system keeps. */
async function facts(root: TreeNode): Promise<readonly unknown[]> {
  const all = []
  for (const { path, node } of walk(root)) {
    const { type, mode, uid, gid, mtime, link, device, content } = node.entry
    all.push({ path, type, mode, uid, gid, seconds: mtime.seconds, link, device, content: (await readContent(content)).toString('base64') })
  }
  return all
}

/** The tree that libarchive reads from an image. */
async function readBack(path: string): Promise<TreeNode> {
  const archive = run('bsdtar', ['-cf', '-', '--format=pax', `@${path}`])
  const entries: Entry[] = []
  for await (const one of readTar(bytesContent(archive).open())) {
    entries.push({ ...one, content: bytesContent(await readContent(one.content)) })
  }
  // It gives files in the order of their places, so that a hard link may come before its directory's attributes.
  return buildTree(entries)
}

const xorriso = (...args: readonly string[]) => judge('xorriso', '-abort_on', 'WARNING', '-return_with', 'WARNING', '32', ...args)

const word = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9._+-]{1,12}$/u).filter((name) => !/^\.{1,2}$/u.test(name)),
  fc.stringMatching(/^[a-c.]{2,3}$/u).filter((name) => !/^\.{1,2}$/u.test(name)),
  fc.stringMatching(/^[a-z]{60,253}$/u),
  fc.constantFrom('größe', '日本', 'a b', '🐧', 'x;1', 'a:b*?\\', 'README', 'readme', '🐧'.repeat(40)),
)
const linkWord = fc.oneof(word, fc.constantFrom('..', '.'))
const path = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join('/'))
/** As long as one field has room for: libarchive loses slashes between two of them, so xorriso judges long ones. */
const link = fc
  .tuple(fc.constantFrom('', '/'), fc.array(linkWord, { minLength: 1, maxLength: 12 }))
  .map(([start, words]) => `${start}${words.join('/')}`)
  .filter((target) => Buffer.byteLength(target) + target.split('/').length < 248)
const id = fc.oneof(fc.nat(70_000), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
const anyEntry: fc.Arbitrary<Entry> = fc
  .tuple(
    fc.record({
      path,
      mode: fc.nat(0o7777),
      uid: id,
      gid: id,
      // The second before 1970 is that by which libarchive's mktime() reports errors.
      mtime: fc.record({
        seconds: fc.integer({ min: -(2 ** 31), max: 2 ** 32 }).filter((seconds) => seconds !== -1),
        nanoseconds: fc.constant(0),
      }),
    }),
    fc.constantFrom('file', 'directory', 'symlink', 'character', 'block', 'fifo'),
    link,
    fc.record({ major: fc.nat(4095), minor: fc.nat(255) }),
    fc.uint8Array({ maxLength: 5000 }),
  )
  .map(([members, type, target, device, data]) =>
    entry({
      ...members,
      type,
      ...(type === 'symlink' && { link: target }),
      ...((type === 'character' || type === 'block') && { device }),
      ...(type === 'file' && { content: bytesContent(data) }),
    }),
  )
/** A tree in which nothing is below what is no directory: what replaces what is not the matter here. */
const anyTree = fc.array(anyEntry, { maxLength: 12 }).map((entries) => {
  const kept: Entry[] = []
  for (const one of entries) {
    try {
      buildTree([...kept, one])
      kept.push(one)
    } catch {
      // In the way of another.
    }
  }
  return buildTree(kept)
})

describe('an ISO 9660 image', () => {
  test('holds any tree, as libarchive reads it', async () => {
    using directory = temporaryDirectory()
    await fc.assert(
      fc.asyncProperty(anyTree, fc.boolean(), async (root, joliet) => {
        const path = directory.path('image.iso')
        await writeRaw(path, isoImage({ root, volumeId: 'LinuxKit', time, joliet }))
        expect(await facts(await readBack(path))).toEqual(await facts(root))
      }),
      { numRuns: 60 },
    )
  })

  test('has long symbolic links, deep directories and large ones, as xorriso reads them', async () => {
    const deep = Array.from({ length: 60 }, (_, level) => `level ${level}`).join('/')
    const links = [
      `/${'a/'.repeat(500)}b`,
      'x'.repeat(255),
      `${'y'.repeat(246)}/../${'z'.repeat(250)}/.`,
      '../'.repeat(300) + 'end',
      '/',
      '..',
    ]
    const many = Array.from({ length: 1000 }, (_, index) => file(`many/a name that begins like all the others ${index}`))
    const entries = [file(`${deep}/end`), ...links.map((link, index) => entry({ path: `link${index}`, type: 'symlink', link })), ...many]
    using directory = temporaryDirectory()
    const path = directory.path('image.iso')
    await writeRaw(path, image(entries, { joliet: true }))
    xorriso('-osirrox', 'on', '-indev', path, '-extract', '/', directory.path('tree'))
    expect(links.map((_, index) => readlinkSync(directory.path(`tree/link${index}`)))).toEqual(links)
    expect(readFileSync(directory.path(`tree/${deep}/end`), 'utf8')).toBe(`${deep}/end`)
    for (const one of many) expect(readFileSync(directory.path(`tree/${one.path}`), 'utf8')).toBe(one.path)
    expect(xorriso('-indev', path, '-check_media', '--')).toContain('good')
  })

  test('has files of 4 GiB and more', async () => {
    const size = 2 ** 33 + 5
    const end = 'here it ends'
    const content = concatContents([zeros(size), textContent(end)])
    using directory = temporaryDirectory()
    const path = directory.path('image.iso')
    const extents = image([entry({ path: 'big', type: 'file', content }), file('small')])
    const sparse = {
      ...extents,
      extents: extents.extents.flatMap(({ offset, content: one }) =>
        one === content ? [{ offset: offset + size, content: textContent(end) }] : [{ offset, content: one }],
      ),
    }
    await writeRaw(path, sparse)
    expect(xorriso('-indev', path, '-lsl', '/big')).toContain(` ${size + end.length} `)
    // Sections: the number, first block, blocks, bytes of the whole file.
    const sections = xorriso('-indev', path, '-find', '/big', '-exec', 'report_lba', '--').matchAll(
      /data lba: +(\d+) , +(\d+) , +(\d+) , +(\d+) ,/gu,
    )
    const start = extents.offsetOf(content) / 2048
    const most = 2 ** 21 - 1
    expect([...sections].map((section) => section.slice(1).map(Number))).toEqual([
      [0, start, most, size + end.length],
      [1, start + most, most, size + end.length],
      [2, start + 2 * most, 3, size + end.length],
    ])
  })

  test('has hard links as one file', async () => {
    const entries = [
      file('a/one'),
      entry({ path: 'b/two', type: 'hardlink', link: 'a/one' }),
      entry({ path: 'three', type: 'hardlink', link: 'b/two' }),
    ]
    using directory = temporaryDirectory()
    const path = directory.path('image.iso')
    await writeRaw(path, image(entries))
    const nodes = [...walk(await readBack(path))].filter(({ node }) => node.entry.type === 'file')
    expect(nodes.map(({ path: at }) => at)).toEqual(['a/one', 'b/two', 'three'])
    expect(new Set(nodes.map(({ node }) => node.entry)).size).toBe(1)
    expect(judge('isoinfo', '-R', '-l', '-i', path)).toMatch(/-rw-r--r--\s+3 .* three/u)
  })

  test('has devices with large numbers, as Linux reads them', async () => {
    const bytes = await readContent(mediumContent(image([entry({ path: 'dev', type: 'block', device: { major: 259, minor: 70_000 } })])))
    const at = bytes.indexOf('PN\x14\x01', 0, 'latin1')
    expect([bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 12)]).toEqual([259, 70_000])
  })

  test('shows Windows the long names of files and directories', async () => {
    const long = `${'n'.repeat(70)}.txt`
    using directory = temporaryDirectory()
    const path = directory.path('image.iso')
    await writeRaw(
      path,
      image([file('größe/日本 🐧.Txt'), file(long), file(`${long}2`), entry({ path: 'link', type: 'symlink', link: 'x' })], {
        joliet: true,
      }),
    )
    expect(judge('bsdtar', '--options', '!rockridge', '-tf', path).trim().split('\n').toSorted()).toEqual(
      ['.', 'größe', 'größe/日本 🐧.Txt', 'n'.repeat(62), `${'n'.repeat(59)}000`].toSorted(),
    )
    expect(judge('bsdtar', '--options', '!rockridge', '-xOf', path, 'größe/日本 🐧.Txt')).toBe('größe/日本 🐧.Txt')
    expect(judge('isoinfo', '-d', '-i', path)).toContain('Joliet with UCS level 3 found')
  })

  test('says what it is', async () => {
    using directory = temporaryDirectory()
    const path = directory.path('image.iso')
    const extents = image([file('etc/passwd')])
    await writeRaw(path, extents)
    const said = judge('isoinfo', '-d', '-i', path)
    for (const fact of [
      'Volume id: LinuxKit',
      'Logical block size is: 2048',
      `Volume size is: ${extents.size / 2048}`,
      'Rock Ridge signatures version 1 found',
    ]) {
      expect(said).toContain(fact)
    }
  })

  test('has names in the primary hierarchy that boot loaders find', async () => {
    using directory = temporaryDirectory()
    const path = directory.path('image.iso')
    await writeRaw(
      path,
      image([file('boot/Kernel'), file('boot/kernel'), file('boot/initrd.img'), file('isolinux/isolinux.cfg'), file('a.b.c'), file('.x')]),
    )
    const names = judge('isoinfo', '-f', '-i', path).trim().split('\n')
    expect(names).toEqual(
      expect.arrayContaining([
        '/BOOT/KERNEL.;1',
        '/BOOT/KERNEL000.;1',
        '/BOOT/INITRD.IMG;1',
        '/ISOLINUX/ISOLINUX.CFG;1',
        '/A_B.C;1',
        '/.X;1',
      ]),
    )
    expect(judge('isoinfo', '-x', '/BOOT/KERNEL.;1', '-i', path)).toBe('boot/kernel')
  })

  test('holds contents once, also those that lie in others', async () => {
    const inner = bytesContent(Buffer.alloc(3000, 'i'))
    const outer = concatContents([bytesContent(Buffer.alloc(4096, 'o')), inner])
    const entries = [
      entry({ path: 'a', type: 'file', content: inner }),
      entry({ path: 'b', type: 'file', content: outer }),
      entry({ path: 'c', type: 'file', content: outer }),
    ]
    const extents = image(entries, { stretches: new Map([[inner, { of: outer, offset: 4096 }]]) })
    expect(extents.offsetOf(inner)).toBe(extents.offsetOf(outer) + 4096)
    expect(extents.extents.filter(({ content }) => content === outer || content === inner)).toHaveLength(1)
    using directory = temporaryDirectory()
    const path = directory.path('image.iso')
    await writeRaw(path, extents)
    expect(judge('isoinfo', '-R', '-x', '/a', '-i', path)).toBe('i'.repeat(3000))
    expect(judge('isoinfo', '-R', '-x', '/c', '-i', path)).toBe('o'.repeat(4096) + 'i'.repeat(3000))
  })

  test('is started by BIOS and EFI', async () => {
    const program = bytesContent(Buffer.alloc(5000, 'p'))
    const partition = bytesContent(Buffer.alloc(512 * 40))
    const extents = image([entry({ path: 'isolinux/isolinux.bin', type: 'file', content: program })], {
      boot: [
        { platform: 'bios', content: program, infoTable: true },
        { platform: 'efi', content: partition, alignment: 1 << 20 },
      ],
    })
    expect(extents.offsetOf(partition) % (1 << 20)).toBe(0)
    using directory = temporaryDirectory()
    const path = directory.path('image.iso')
    await writeRaw(path, extents)
    const said = xorriso('-indev', path, '-report_el_torito', 'plain')
    expect(said).toMatch(/boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 +\d+/u)
    expect(said).toMatch(new RegExp(`boot img : +2 +UEFI +y +none +0x0000 +0x00 +40 +${extents.offsetOf(partition) / 2048}`, 'u'))
    expect(said).toMatch(/img path : +1 +\/isolinux\/isolinux.bin/u)
    expect(said).toMatch(/img opts : +1 +boot-info-table/u)
  })

  test('is the same whenever it is made', async () => {
    const make = () =>
      readContent(mediumContent(image([file('b'), file('a/c'), entry({ path: 'd', type: 'symlink', link: 'a' })], { joliet: true })))
    expect((await make()).equals(await make())).toBe(true)
  })

  test.each<[code: string, members: Partial<Entry> & Pick<Entry, 'path' | 'type'>]>([
    ['disk/name-too-long', { path: 'n'.repeat(254), type: 'file' }],
    ['disk/link-too-long', { path: 'link', type: 'symlink', link: 'x/'.repeat(2048) }],
    ['disk/device-number', { path: 'dev', type: 'character', device: { major: 0, minor: 256 } }],
    ['disk/owner-number', { path: 'file', type: 'file', gid: 2 ** 32 }],
    ['disk/file-too-large', { path: 'file', type: 'file', content: zeros(2 ** 39) }],
    ['disk/too-large', { path: 'file', type: 'file', content: zeros(2 ** 38), mode: 0o600 }],
  ])('refuses with %s', (code, members) => {
    const others = Array.from({ length: 40 }, (_, index) => entry({ path: `other${index}`, type: 'file', content: zeros(2 ** 38) }))
    expect(() => image([entry(members), ...(code === 'disk/too-large' ? others : [])])).toThrow(expect.objectContaining({ code }))
  })

  test('refuses names of volumes that have no place', () => {
    for (const volumeId of ['größe', 'x'.repeat(33)])
      expect(() => image([], { volumeId })).toThrow(expect.objectContaining({ code: 'disk/volume-id' }))
  })

  test('refuses directories in more directories than a path table numbers', () => {
    const directory = (name: string, ...children: TreeNode[]): TreeNode => ({
      name,
      entry: entry({ path: name, type: 'directory' }),
      children,
    })
    const many = Array.from({ length: 2 ** 16 }, (_, index) => directory(`${index}`))
    expect(() => isoImage({ root: directory('', ...many, directory('last', directory('one'))), volumeId: '', time })).toThrow(
      expect.objectContaining({ code: 'disk/too-many-directories' }),
    )
  })
})
