import { closeSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { assert, asyncProperty, constantFrom } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entry, type Entry } from '../archive/entry.js'
import { gather, run } from '../archive/test-support.js'
import { buildTree } from '../archive/tree.js'
import { bytesContent, concatContents, textContent } from '../base/content.js'
import { zeros } from './extents.js'
import { squashfs, type SquashfsOptions } from './squashfs.js'
import { zlibCompressor, type SquashfsCompressor } from './squashfs-compressor.js'
import { describeDirectory, describeXattrs, scratchDirectory, someEntries, unpackTar } from './tree-test-support.js'

const OPTIONS: SquashfsOptions = { compressor: zlibCompressor(6), time: 1492533000 }

async function imageOf(entries: readonly Entry[], options: Partial<SquashfsOptions> = {}): Promise<Buffer> {
  const image = squashfs(buildTree(entries), { ...OPTIONS, ...options })
  const body = await gather(image.body)
  return Buffer.concat([image.superblock(), body])
}

function unpack(image: string, directory: string): void {
  run('unsquashfs', ['-strict-errors', '-quiet', '-no-progress', '-force', '-dest', directory, image])
}

const file = (path: string, bytes: Uint8Array) => entry({ path, type: 'file', content: bytesContent(bytes) })

describe('a squashfs', () => {
  test('unpacks to what a tar of the same entries unpacks to', () =>
    assert(
      asyncProperty(someEntries, constantFrom(1 << 12, 1 << 17, 1 << 20), async (entries, blockSize) => {
        using scratch = scratchDirectory()
        const [fromTar, fromImage, path] = ['tar', 'squashfs', 'image'].map((name) => join(scratch.path, name)) as [string, string, string]
        mkdirSync(fromTar)
        await unpackTar(entries, fromTar)
        writeFileSync(path, await imageOf(entries, { blockSize }))
        unpack(path, fromImage)
        expect(describeDirectory(fromImage, true)).toEqual(describeDirectory(fromTar, true))
        expect(describeXattrs(fromImage)).toEqual(describeXattrs(fromTar))
      }),
      { numRuns: 12 },
    ))

  test('says in its superblock what is in it', async () => {
    using scratch = scratchDirectory()
    const path = join(scratch.path, 'image')
    writeFileSync(path, await imageOf([file('a', Buffer.from('a'))]))
    const said = run('unsquashfs', ['-s', '-UTC', path]).toString()
    expect(said).toContain('Creation or last append time Tue Apr 18 16:30:00 2017')
    expect(said).toContain('Compression gzip')
    expect(said).toContain('Block size 131072')
    expect(said).toContain('Number of inodes 2')
    expect(said).toContain('Xattrs are not stored')
    expect(statSync(path).size % 4096).toBe(0)
  })

  test('holds large directories', async () => {
    using scratch = scratchDirectory()
    const path = join(scratch.path, 'image')
    const names = Array.from({ length: 9000 }, (_, index) => `a-name-of-some-length-${index}`).sort()
    const entries = names.map((name, index) => entry({ path: `d/${name}`, type: 'file', content: textContent(String(index)) }))
    writeFileSync(path, await imageOf(entries))
    const lines = run('unsquashfs', ['-llc', path]).toString().trim().split('\n')
    expect(lines.map((line) => line.split('/').at(-1))).toEqual(names)
  })

  test('holds files beyond 4 GiB, their zeros as holes', async () => {
    using scratch = scratchDirectory()
    const [path, target] = [join(scratch.path, 'image'), join(scratch.path, 'out')]
    const size = 2 ** 32
    const content = concatContents([zeros(size), textContent('the end')])
    writeFileSync(path, await imageOf([entry({ path: 'large', type: 'file', content })], { blockSize: 1 << 20 }))
    unpack(path, target)
    const large = openSync(join(target, 'large'), 'r')
    const end = Buffer.alloc(100)
    expect(readSync(large, end, 0, end.length, size - 1)).toBe(8)
    closeSync(large)
    expect(end.toString('latin1', 0, 8)).toBe('\0the end')
    expect(statSync(path).size).toBeLessThan(20000)
  })

  test('holds files of very many blocks', async () => {
    using scratch = scratchDirectory()
    const [path, target] = [join(scratch.path, 'image'), join(scratch.path, 'out')]
    const content = concatContents([zeros(600 * 2 ** 20), textContent('the end')])
    writeFileSync(path, await imageOf([entry({ path: 'large', type: 'file', content })], { blockSize: 1 << 12 }))
    unpack(path, target)
    expect(statSync(join(target, 'large')).size).toBe(content.size)
  })

  test('has the same content once', async () => {
    const noise = Buffer.alloc(400000, 0).map((_, at) => Math.imul(at * at + 7, 0x9e3779b1) >>> 24)
    const once = await imageOf([file('a', noise), file('c', noise.subarray(1))])
    const twice = await imageOf([file('a', noise), file('b', noise), file('c', noise.subarray(1))])
    expect(twice.length - once.length).toBeLessThanOrEqual(4096)
  })

  test('does not depend on which block is compressed first', async () => {
    const entries = [1, 2, 3].map((kind) =>
      file(
        String(kind),
        Buffer.alloc(150000).map((_, at) => (at * kind) % 97),
      ),
    )
    let turn = 0
    const uneven: SquashfsCompressor = {
      ...OPTIONS.compressor,
      async compress(block) {
        const compressed = await OPTIONS.compressor.compress(block)
        for (let wait = (turn++ % 3) * 50; wait > 0; wait--) await Promise.resolve()
        return compressed
      },
    }
    expect(await imageOf(entries, { compressor: uneven })).toEqual(await imageOf(entries))
  })

  test('is refused where the format has no place', async () => {
    const owners = Array.from({ length: 65535 }, (_, uid) => entry({ path: `${uid}`, type: 'fifo', uid: uid + 1 }))
    await expect(imageOf(owners)).rejects.toThrow('room for 65535 different users and groups')
    const acl = new Map([['system.posix_acl_access', Buffer.from('x')]])
    await expect(imageOf([entry({ path: 'a', type: 'file', xattrs: acl })])).rejects.toThrow('system.posix_acl_access')
    await expect(imageOf([entry({ path: 'n'.repeat(256), type: 'fifo' })])).rejects.toThrow('more than 255 bytes')
  })

  test('is not made of contents that are not as long as they say', async () => {
    for (const size of [8, 10]) {
      const content = { ...bytesContent(Buffer.alloc(9)), size }
      await expect(imageOf([entry({ path: 'a', type: 'file', content })])).rejects.toThrow(/more than 8|9 bytes instead of 10/)
    }
  })
})
