import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesContent, textContent } from '../base/content.js'
import { cpioTrailer, writeCpio } from './cpio.js'
import { entry, type Entry } from './entry.js'
import { gather, run } from './test-support.js'

async function* each(entries: readonly Entry[]): AsyncIterable<Entry> {
  yield* entries
}

function pack(...entries: Entry[]): Promise<Buffer> {
  return gather(writeCpio(each(entries)))
}

const TREE = [
  entry({ path: 'bin/', type: 'directory' }),
  entry({ path: 'bin/init', type: 'file', mode: 0o4755, uid: 1, gid: 2, userName: 'x', content: textContent('#!init') }),
  entry({ path: 'bin/hard', type: 'hardlink', link: 'bin/init' }),
  entry({ path: 'usr/lib/deep', type: 'hardlink', link: './bin/init' }),
  entry({ path: 'sh', type: 'symlink', link: '/bin/init' }),
  entry({ path: 'pipe', type: 'fifo' }),
  entry({ path: 'größe', type: 'file', content: bytesContent(Buffer.alloc(70_001, 'y')), mtime: { seconds: -5, nanoseconds: 0 } }),
  entry({ path: 'null', type: 'character', device: { major: 1, minor: 3 } }),
  entry({ path: 'sda', type: 'block', device: { major: 8, minor: 300 } }),
]

test('cpio lists joined archives', async () => {
  const archive = Buffer.concat([await pack(...TREE.slice(0, 3)), await pack(...TREE.slice(3)), cpioTrailer()])
  const listing = run('cpio', ['-itvn', '--quiet'], archive).toString()
  expect(listing.trim().replace(/ +/g, ' ').split('\n')).toEqual([
    'drwxr-xr-x 2 0 0 0 Apr 18 2017 bin/',
    '-rwsr-xr-x 1 1 2 6 Apr 18 2017 bin/init',
    'lrw-r--r-- 1 0 0 4 Apr 18 2017 bin/hard -> init',
    'lrw-r--r-- 1 0 0 14 Apr 18 2017 usr/lib/deep -> ../../bin/init',
    'lrwxrwxrwx 1 0 0 9 Apr 18 2017 sh -> /bin/init',
    'prw-r--r-- 1 0 0 0 Apr 18 2017 pipe',
    '-rw-r--r-- 1 0 0 70001 Jan 1 1970 größe',
    'crw-r--r-- 1 0 0 1, 3 Apr 18 2017 null',
    'brw-r--r-- 1 0 0 8, 300 Apr 18 2017 sda',
  ])
})

test('cpio extracts them', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cpio-'))
  try {
    const archive = Buffer.concat([await pack(...TREE.slice(0, 7)), cpioTrailer()])
    run('sh', ['-c', 'cd "$0" && cpio -idm --quiet --no-preserve-owner', directory], archive)
    expect(readFileSync(join(directory, 'bin/hard'), 'utf8')).toBe('#!init')
    expect(readFileSync(join(directory, 'usr/lib/deep'), 'utf8')).toBe('#!init')
    expect(readFileSync(join(directory, 'größe'))).toHaveLength(70_001)
    expect(readlinkSync(join(directory, 'sh'))).toBe('/bin/init')
    expect(lstatSync(join(directory, 'bin/init')).mtimeMs).toBe(1492533000_000)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('names and contents of all lengths', async () => {
  const lengths = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 9 })), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(lengths, async (list) => {
      const files = list.map(([name, size]) => entry({ path: 'n'.repeat(name), type: 'file', content: textContent('d'.repeat(size)) }))
      const archive = Buffer.concat([await pack(...files), cpioTrailer()])
      expect(archive.length % 4).toBe(0)
      const listing = run('cpio', ['-itv', '--quiet'], archive).toString().trim().split('\n')
      expect(listing.map((line) => [line.split(/ +/)[8]?.length, Number(line.split(/ +/)[4])])).toEqual(list)
    }),
    { numRuns: 25 },
  )
})

interface Record {
  readonly name: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly device: readonly [number, number]
  readonly body: Buffer
}

/** Reads the "newc" format (kernel, Documentation/driver-api/early-userspace/buffer-format.rst) up to its trailer. */
function readCpio(archive: Buffer): Record[] {
  const records: Record[] = []
  for (let at = 0; ;) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701')
    const field = (index: number): number => parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    const nameEnd = at + 110 + field(11)
    const name = archive.toString('utf8', at + 110, nameEnd - 1)
    const bodyStart = Math.ceil(nameEnd / 4) * 4
    const bodyEnd = bodyStart + field(6)
    if (name === 'TRAILER!!!') return records
    const device = [field(9), field(10)] as const
    records.push({
      name,
      mode: field(1),
      uid: field(2),
      gid: field(3),
      mtime: field(5),
      device,
      body: archive.subarray(bodyStart, bodyEnd),
    })
    at = Math.ceil(bodyEnd / 4) * 4
  }
}

const TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000, character: 0o020000, block: 0o060000, fifo: 0o010000 } as const

test('what is written can be read back', async () => {
  const ids = fc.nat(0xffff_ffff)
  const common = { mode: fc.nat(0o7777), uid: ids, gid: ids, mtime: fc.nat(0xffff_ffff).map((seconds) => ({ seconds, nanoseconds: 0 })) }
  const device = fc.record({ major: fc.nat(4095), minor: fc.nat(0xf_ffff) })
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((name) => !/[/\0]/.test(name))
  const one = fc.oneof(
    fc.record({
      ...common,
      type: fc.constant('file' as const),
      content: fc.uint8Array({ maxLength: 300 }).map((data) => bytesContent(data)),
    }),
    fc.record({ ...common, type: fc.constantFrom('directory' as const, 'fifo' as const) }),
    fc.record({ ...common, type: fc.constant('symlink' as const), link: text }),
    fc.record({ ...common, type: fc.constantFrom('character' as const, 'block' as const), device }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(one, { maxLength: 20 }), text, async (list, name) => {
      const entries = list.map((fields, at) => entry({ ...fields, path: `${at}/${name}` }))
      const expected = await Promise.all(
        entries.map(async (each) => ({
          name: each.path,
          mode: TYPE_BITS[each.type as keyof typeof TYPE_BITS] | each.mode,
          uid: each.uid,
          gid: each.gid,
          mtime: each.mtime.seconds,
          device: each.type === 'character' || each.type === 'block' ? [each.device.major, each.device.minor] : [0, 0],
          body:
            each.type === 'symlink' ? Buffer.from(each.link) : each.type === 'file' ? await gather(each.content.open()) : Buffer.alloc(0),
        })),
      )
      expect(readCpio(Buffer.concat([await pack(...entries), cpioTrailer()]))).toEqual(expected)
    }),
    { numRuns: 100 },
  )
})

test('an archive does not depend on what was written before', async () => {
  const first = await pack(...TREE)
  await pack(...TREE.slice(2))
  expect(first.equals(await pack(...TREE))).toBe(true)
  const inodes = first.toString('latin1').match(/(?<=070701)[0-9A-F]{8}/g)
  expect(inodes?.map((digits) => parseInt(digits, 16))).toEqual(TREE.map((_, at) => 721 + at))
})

test('files of 4 GiB', async () => {
  const huge = entry({ path: 'huge', type: 'file', content: { size: 2 ** 32, open: () => each([]) as AsyncIterable<never> } })
  await expect(pack(huge)).rejects.toMatchObject({ code: 'archive/too-large', message: expect.stringContaining('"huge"') })
})
