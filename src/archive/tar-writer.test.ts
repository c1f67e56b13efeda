import { mkdtempSync, lstatSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesContent, textContent } from '../base/content.js'
import { entry, type Entry } from './entry.js'
import { formatPaxTime, parsePaxTime } from './pax.js'
import { readTar } from './tar-reader.js'
import { TAR_END, writeTar } from './tar-writer.js'
import { chunked, gather, readEntries, run } from './test-support.js'

async function* each(entries: readonly Entry[]): AsyncIterable<Entry> {
  yield* entries
}

async function pack(...entries: Entry[]): Promise<Buffer> {
  return Buffer.concat([await gather(writeTar(each(entries))), TAR_END])
}

const word = fc.oneof(
  fc.stringMatching(/^[a-z0-9._+-]{1,12}$/),
  fc.stringMatching(/^[a-z]{60,130}$/),
  fc.constantFrom('größe', '日本', 'a b\n', '🐧'),
)
const path = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join('/'))
const id = fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.integer({ min: 2_000_000, max: 2 ** 40 }))
const device = fc.record({ major: fc.integer({ min: 0, max: 4095 }), minor: fc.integer({ min: 0, max: 0o7777777 }) })
const key = fc.stringMatching(/^[A-Za-z.]{1,20}$/).map((name) => `VENDOR.${name}`)
const common = fc.record({
  path,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: id,
  gid: id,
  userName: fc.oneof(fc.constant(''), word),
  groupName: fc.oneof(fc.constant(''), word),
  mtime: fc.record({
    seconds: fc.oneof(fc.integer({ min: -(10 ** 10), max: 10 ** 12 }), fc.constantFrom(0, 8 ** 11 - 1, 8 ** 11, -1)),
    nanoseconds: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 })),
  }),
  xattrs: fc
    .array(
      fc.tuple(
        fc.stringMatching(/^user\.[a-z.]{1,9}$/),
        fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes)),
      ),
      { maxLength: 2 },
    )
    .map((list) => new Map(list)),
  pax: fc.array(fc.tuple(key, fc.string({ unit: 'grapheme', maxLength: 120 })), { maxLength: 3 }).map((list) => new Map(list)),
})
const anyEntry: fc.Arbitrary<Entry> = fc
  .tuple(
    common,
    fc.constantFrom('file', 'directory', 'symlink', 'hardlink', 'character', 'block', 'fifo'),
    path,
    device,
    fc.uint8Array({ maxLength: 2000 }),
  )
  .map(([members, type, link, numbers, data]) =>
    entry({
      ...members,
      type,
      ...((type === 'symlink' || type === 'hardlink') && { link }),
      ...((type === 'character' || type === 'block') && { device: numbers }),
      ...(type === 'file' && { content: bytesContent(data) }),
    }),
  )

describe('what is written is read back', () => {
  test.each([1, 2, 511, 513, 10_000])('in chunks of %d', async (chunkSize) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEntry, { maxLength: 4 }), async (entries) => {
        const archive = await pack(...entries)
        expect(await readEntries(readTar(chunked(archive, chunkSize)))).toEqual(await readEntries(each(entries)))
      }),
      { numRuns: chunkSize < 10 ? 15 : 60 },
    )
  })

  test('times', () => {
    expect(parsePaxTime('-1.5')).toEqual({ seconds: -2, nanoseconds: 500_000_000 })
    expect(parsePaxTime('-0')).toEqual({ seconds: 0, nanoseconds: 0 })
    expect(formatPaxTime({ seconds: -2, nanoseconds: 500_000_000 })).toBe('-1.5')
    expect(formatPaxTime({ seconds: 5, nanoseconds: 10 })).toBe('5.00000001')
  })
})

describe('GNU tar', () => {
  test('lists what is written', async () => {
    const archive = await pack(
      entry({ path: 'dev', type: 'directory', mode: 0o1755, pax: new Map([['LINUXKIT.source', 'x']]) }),
      entry({ path: 'dev/null', type: 'character', device: { major: 1, minor: 3 }, mode: 0o666 }),
      entry({ path: 'größe', type: 'file', uid: 3_000_000, mtime: { seconds: 1e9, nanoseconds: 123 }, content: textContent('12345') }),
      entry({ path: 'bin/sh', type: 'symlink', link: `/${'l'.repeat(120)}` }),
      entry({ path: 'bin/same', type: 'hardlink', link: 'größe', userName: 'ann' }),
      entry({ path: 'pipe', type: 'fifo' }),
    )
    const listing = run('tar', ['--full-time', '--quoting-style=literal', '-tvf', '-'], archive).toString()
    expect(listing.replace(/ +/g, ' ').trim().split('\n')).toEqual([
      'drwxr-xr-t 0/0 0 2017-04-18 16:30:00 dev',
      'crw-rw-rw- 0/0 1,3 2017-04-18 16:30:00 dev/null',
      '-rw-r--r-- 3000000/0 5 2001-09-09 01:46:40.000000123 größe',
      `lrwxrwxrwx 0/0 0 2017-04-18 16:30:00 bin/sh -> /${'l'.repeat(120)}`,
      'hrw-r--r-- ann/0 0 2017-04-18 16:30:00 bin/same link to größe',
      'prw-r--r-- 0/0 0 2017-04-18 16:30:00 pipe',
    ])
  })

  test('extracts what is written', async () => {
    const long = `${'a'.repeat(99)}/${'b'.repeat(99)}`
    const archive = await pack(
      entry({ path: long, type: 'file', mode: 0o640, content: textContent('long') }),
      entry({ path: 'hard', type: 'hardlink', link: long }),
      entry({ path: 'soft', type: 'symlink', link: 'hard' }),
    )
    const directory = mkdtempSync(join(tmpdir(), 'tar-writer-'))
    try {
      run('tar', ['-C', directory, '--no-same-owner', '-xpf', '-'], archive)
      expect(readFileSync(join(directory, 'hard'), 'utf8')).toBe('long')
      expect(lstatSync(join(directory, long))).toMatchObject({ mode: 0o100640, mtimeMs: 1492533000_000, nlink: 2 })
      expect(readlinkSync(join(directory, 'soft'))).toBe('hard')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

describe("headers as Go's archive/tar has them", () => {
  test('a plain one', async () => {
    const archive = await gather(writeTar(each([entry({ path: 'etc/hosts', type: 'file', content: textContent('x') })])))
    expect(archive).toHaveLength(1024)
    expect(archive.toString('latin1', 0, 512).replace(/\0+/g, '|')).toBe(
      'etc/hosts|0000644|0000000|0000000|00000000001|13075437410|011075| 0|ustar|00|0000000|0000000|',
    )
  })

  test('an extended one', async () => {
    const archive = await gather(
      writeTar(
        each([
          entry({
            path: 'etc/größe',
            type: 'directory',
            pax: new Map([
              ['b', '2'],
              ['B', '1'],
            ]),
            xattrs: new Map([['user.x', Buffer.of(0xff)]]),
          }),
        ]),
      ),
    )
    expect(archive).toHaveLength(3 * 512)
    expect(archive.toString('latin1', 0, 512).replace(/\0+/g, '|')).toMatch(
      /^etc\/PaxHeaders\.0\/gre\|0000000\|0000000\|0000000\|00000000071\|00000000000\|\d{6}\| x\|ustar\|00\|$/,
    )
    expect(archive.toString('latin1', 512, 512 + 0o71).split('\n')).toEqual([
      '6 B=1',
      '25 SCHILY.xattr.user.x=\xff',
      '6 b=2',
      `20 path=etc/grÃ¶Ã\x9fe`,
      '',
    ])
    expect(archive.toString('latin1', 1024, 1034)).toBe('etc/gre\x000\x30'.slice(0, 8) + '\0\0')
  })

  test('a link name that is cut after a slash', async () => {
    const archive = await gather(writeTar(each([entry({ path: 'a', type: 'symlink', link: `${'q'.repeat(98)}///x` })])))
    expect(archive.toString('latin1', 1024 + 157, 1024 + 257)).toBe(`${'q'.repeat(98)}\0/`)
  })

  test.each([
    ['a/b/', 'a/b/PaxHeaders.0'],
    ['./a', 'PaxHeaders.0/a'],
    ['.', 'PaxHeaders.0'],
    ['/abs', '/PaxHeaders.0/abs'],
    [`${'d'.repeat(97)}/f`, `${'d'.repeat(97)}/Pa`],
    [`${'d'.repeat(99)}/f`, 'd'.repeat(99)],
  ])('the extended header of %s is named %s', async (name, expected) => {
    const archive = await gather(writeTar(each([entry({ path: name, type: 'directory', pax: new Map([['k', 'v']]) })])))
    expect(archive.toString('latin1', 0, 100).replace(/\0.*/, '')).toBe(expected)
  })
})

test('what tar cannot hold', async () => {
  const refused = { code: 'archive/unsupported' }
  await expect(pack(entry({ path: 'a', type: 'block', device: { major: 8 ** 7, minor: 0 } }))).rejects.toMatchObject(refused)
  await expect(pack(entry({ path: 'a', type: 'file', xattrs: new Map([['user.a=b', Buffer.of(1)]]) }))).rejects.toMatchObject(refused)
  await expect(pack(entry({ path: 'a\0b', type: 'file' }))).rejects.toMatchObject(refused)
  const lying = { ...textContent('abc'), size: 4 }
  await expect(pack(entry({ path: 'a', type: 'file', content: lying }))).rejects.toThrow('"a" has 3 bytes')
})
