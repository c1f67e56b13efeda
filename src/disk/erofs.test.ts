import { mkdirSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { assert, asyncProperty, nat } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entry, FIXED_TIME, type Entry } from '../archive/entry.js'
import { gather, run } from '../archive/test-support.js'
import { buildTree } from '../archive/tree.js'
import { CHUNK_SIZE, concatContents, readContent, textContent, type Content } from '../base/content.js'
import { erofs } from './erofs.js'
import { encodeXattrs } from './erofs-xattrs.js'
import { zeros } from './extents.js'
import { describeDirectory, scratchDirectory, someEntries, unpackTar } from './tree-test-support.js'

const imageOf = (entries: readonly Entry[], identity = 'a test'): Content => erofs(buildTree(entries), { time: FIXED_TIME, identity })

/** Checks an image: the program tells of errors that it does not stop at. */
function check(image: string, ...args: readonly string[]): void {
  expect(run('sh', ['-c', 'exec fsck.erofs "$@" 2>&1', 'fsck.erofs', ...args, image]).toString()).not.toMatch(/<[EW]>/)
}

const ZEROS = Buffer.alloc(CHUNK_SIZE)

/** Writes content to a file with holes for zeros. */
async function writeSparse(path: string, content: Content): Promise<void> {
  await using file = await open(path, 'w')
  let position = 0
  for await (const chunk of content.open()) {
    if (!ZEROS.subarray(0, chunk.length).equals(chunk)) await file.write(chunk, 0, chunk.length, position)
    position += chunk.length
  }
  await file.truncate(position)
}

describe('an erofs', () => {
  test('unpacks to what a tar of the same entries unpacks to', () =>
    assert(
      asyncProperty(someEntries, async (entries) => {
        using scratch = scratchDirectory()
        const [fromTar, fromImage, path] = ['tar', 'erofs', 'image'].map((name) => join(scratch.path, name)) as [string, string, string]
        mkdirSync(fromTar)
        await unpackTar(entries, fromTar)
        writeFileSync(path, await readContent(imageOf(entries)))
        check(path, `--extract=${fromImage}`, '--preserve')
        expect(describeDirectory(fromImage, false)).toEqual(describeDirectory(fromTar, false))
      }),
      { numRuns: 12 },
    ))

  test('can be read from any byte to any other', () =>
    assert(
      asyncProperty(someEntries, nat(), nat(), async (entries, one, other) => {
        const image = imageOf(entries)
        const [start, end] = [one % image.size, other % image.size].sort((a, b) => a - b) as [number, number]
        expect(await gather(image.open({ start, end }))).toEqual((await readContent(image)).subarray(start, end))
      }),
      { numRuns: 8 },
    ))

  test('says in its superblock what is in it, and what it is made from', async () => {
    using scratch = scratchDirectory()
    const path = join(scratch.path, 'image')
    const entries = [entry({ path: 'a', type: 'file', content: textContent('a') }), entry({ path: 'b', type: 'hardlink', link: 'a' })]
    const superblock = async (identity: string): Promise<string> => {
      writeFileSync(path, await readContent(imageOf(entries, identity)))
      return run('dump.erofs', ['-s', path]).toString()
    }
    const said = await superblock('one')
    expect(said).toMatch(/inode count: +2$/m)
    expect(said).toMatch(/sb_csum/)
    expect(said).toContain('Tue Apr 18 16:30:00 2017')
    expect(said).toMatch(/UUID: +\w{8}-\w{4}-8\w{3}-[89ab]\w{3}-\w{12}/)
    expect(await superblock('one')).toBe(said)
    expect(await superblock('two')).not.toBe(said)
  })

  test('holds large directories', async () => {
    using scratch = scratchDirectory()
    const [path, target] = [join(scratch.path, 'image'), join(scratch.path, 'out')]
    const entries = Array.from({ length: 1200 }, (_, index) =>
      entry({ path: `d/a-name-of-some-length-${index}`, type: 'file', content: textContent(String(index)) }),
    )
    writeFileSync(path, await readContent(imageOf(entries)))
    check(path, `--extract=${target}`, '--no-preserve')
    expect(describeDirectory(target, true).length).toBe(1202)
  })

  test('has extended attributes as mkfs.erofs writes them', () => {
    const xattrs = new Map([
      ['user.a', Buffer.from('hello')],
      ['security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex')],
    ])
    const written = [
      '00000000 00000000 00000000',
      '0a061400 6361706162696c697479 0100000200040000 000000000000000000000000 0000',
      '01010500 6168656c6c6f 0000',
    ]
    expect(encodeXattrs(entry({ path: 'a', type: 'file', xattrs })).toString('hex')).toBe(written.join('').replaceAll(' ', ''))
  })

  test('is refused where the format has no place', () => {
    const withXattr = (name: string, size: number) => entry({ path: 'a', type: 'file', xattrs: new Map([[name, Buffer.alloc(size)]]) })
    expect(() => imageOf([withXattr('user.a', 65535)])).not.toThrow()
    expect(() => imageOf([withXattr('user.a', 65536)])).toThrow('too long')
    expect(() => imageOf([withXattr('other.a', 1)])).toThrow('no place for "other.a"')
    expect(() => imageOf([entry({ path: 'a', type: 'block', device: { major: 4096, minor: 0 } })])).toThrow("not one of Linux's")
  })

  test('holds files beyond 4 GiB', async () => {
    using scratch = scratchDirectory()
    const path = join(scratch.path, 'image')
    const content = concatContents([zeros(2 ** 32), textContent('the end')])
    const image = imageOf([
      entry({ path: 'large', type: 'file', content }),
      entry({ path: 'small', type: 'file', content: textContent('x') }),
    ])
    await writeSparse(path, image)
    expect(run('dump.erofs', ['--path=/large', path]).toString()).toMatch(/Size: 4294967303 /)
    check(path)
  })
})
