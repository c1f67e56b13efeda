import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LinuxkitError } from '../base/errors.js'
import { cleanPath } from './path.js'
import { formatPax } from './pax.js'
import { headerChecksum } from './tar-header.js'
import { readTar } from './tar-reader.js'
import { chunked, gather, readEntries, run } from './test-support.js'

const longName = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(120)}`
let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tar-reader-'))
  const tree = join(directory, 'tree')
  mkdirSync(join(tree, 'sub'), { recursive: true })
  writeFileSync(join(tree, 'sub/hello'), 'hello\n')
  chmodSync(join(tree, 'sub/hello'), 0o4751)
  linkSync(join(tree, 'sub/hello'), join(tree, 'sub/same'))
  symlinkSync('sub/hello', join(tree, 'link'))
  execFileSync('mkfifo', [join(tree, 'pipe')])
  writeFileSync(join(tree, 'big'), Buffer.alloc(70_000, 'x'))
  utimesSync(join(tree, 'big'), 1_500_000_000.5, 1_500_000_000.5)
  writeFileSync(join(directory, 'holes'), '')
  truncateSync(join(directory, 'holes'), 3_000_000)
  execFileSync('sh', ['-c', 'for at in 1 7 20 33 46 59 72; do printf data | dd of=holes bs=8192 seek=$at conv=notrunc 2>/dev/null; done'], {
    cwd: directory,
  })
})

afterAll(() => rmSync(directory, { recursive: true }))

function tar(...args: string[]): Buffer {
  return run('tar', ['-C', directory, '--sort=name', '--owner=alice:1234', '--group=users:567', '-cf', '-', ...args])
}

/** An entry header made by hand. */
function block(
  fields: { name?: string; size?: string; type?: string; mode?: string; magic?: string },
  data: Uint8Array = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(512)
  header.write(fields.name ?? 'file', 0)
  header.write(fields.mode ?? '0000644\0', 100, 'latin1')
  header.write(fields.size ?? data.length.toString(8).padStart(11, '0'), 124, 'latin1')
  header.write(fields.type ?? '0', 156, 'latin1')
  header.write(fields.magic ?? 'ustar\x0000', 257, 'latin1')
  header.write(`${headerChecksum(header).toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, data, Buffer.alloc((512 - (data.length % 512)) % 512)])
}

/** Reads the first megabyte of each content, for a damaged sparse file may claim any size. */
async function readSizes(archive: Uint8Array): Promise<number[]> {
  const sizes: number[] = []
  for await (const { content } of readTar(chunked(archive))) {
    sizes.push((await gather(content.open({ start: 0, end: Math.min(content.size, 1 << 20) }))).length)
  }
  return sizes
}

async function code(archive: Uint8Array): Promise<unknown> {
  return readEntries(readTar(chunked(archive))).then(
    (entries) => entries,
    (error: { code?: string }) => error.code,
  )
}

describe('archives of GNU tar', () => {
  test.each(['v7', 'ustar', 'gnu', 'oldgnu', 'pax'])('in the format %s', async (format) => {
    const members = format === 'v7' ? ['tree/sub', 'tree/big', 'tree/link'] : ['tree']
    const entries = await readEntries(readTar(chunked(tar(`--format=${format}`, ...members), 1000)))
    const byPath = new Map(entries.map((entry) => [entry.path, entry]))
    const names = format === 'v7' ? { userName: '', groupName: '' } : { userName: 'alice', groupName: 'users' }
    expect(byPath.get('tree/sub/')).toMatchObject({ type: 'directory', mode: 0o755, uid: 1234, gid: 567, ...names })
    expect(byPath.get('tree/sub/hello')).toMatchObject({ type: 'file', mode: 0o4751, data: Buffer.from('hello\n') })
    expect(byPath.get('tree/sub/same')).toMatchObject({ type: 'hardlink', link: 'tree/sub/hello' })
    expect(byPath.get('tree/link')).toMatchObject({ type: 'symlink', link: 'sub/hello' })
    expect(byPath.get('tree/big')?.mtime).toEqual({ seconds: 1_500_000_000, nanoseconds: format === 'pax' ? 500_000_000 : 0 })
    expect(byPath.get('tree/big')?.data.equals(Buffer.alloc(70_000, 'x'))).toBe(true)
    expect(byPath.get('tree/pipe')?.type).toBe(format === 'v7' ? undefined : 'fifo')
  })

  test.each(['gnu', 'pax'])('long names, long links and large numbers in the format %s', async (format) => {
    const archive = tar(`--format=${format}`, '--owner=x:3000000', '--mtime=@99999999999', '--transform', `s,.*,${longName},`, 'tree/link')
    const [entry] = await readEntries(readTar(chunked(archive, 77)))
    expect(entry).toMatchObject({ path: longName, link: longName, type: 'symlink', uid: 3_000_000, mtime: { seconds: 99_999_999_999 } })
    expect(new Set(entry?.pax.keys())).toEqual(new Set(format === 'pax' ? ['atime', 'ctime'] : []))
  })

  test.each([
    ['--format=gnu'],
    ['--format=pax', '--sparse-version=0.0'],
    ['--format=pax', '--sparse-version=0.1'],
    ['--format=pax', '--sparse-version=1.0'],
  ])('sparse files with %s %s', async (...options) => {
    const archive = tar('--sparse', ...options, 'holes', 'tree/big')
    expect(archive.length).toBeLessThan(500_000)
    const entries = await readEntries(readTar(chunked(archive, 5000)))
    expect(entries.map((entry) => [entry.path, entry.type])).toEqual([
      ['holes', 'file'],
      ['tree/big', 'file'],
    ])
    expect(entries[0]?.data.equals(run('cat', [join(directory, 'holes')]))).toBe(true)
    expect([...(entries[0]?.pax.keys() ?? [])].filter((key) => key.startsWith('GNU'))).toEqual([])
    for await (const entry of readTar(chunked(archive))) {
      if (entry.path !== 'holes') continue
      expect((await gather(entry.content.open({ start: 8190, end: 8195 }))).toString('latin1')).toBe('\0\0dat')
    }
  })
})

describe('PAX', () => {
  test('extended attributes, vendor records and global defaults', async () => {
    const archive = Buffer.concat([
      block(
        { type: 'g' },
        formatPax(
          new Map([
            ['uname', 'everyone'],
            ['gname', 'all'],
            ['comment', 'of the archive'],
          ]),
        ),
      ),
      block(
        { type: 'x' },
        formatPax(
          new Map<string, string | Uint8Array>([
            ['SCHILY.xattr.user.a', Buffer.of(0, 255, 10)],
            ['VENDOR.x', 'y=z\n'],
            ['gname', ''],
          ]),
        ),
      ),
      block({ name: 'a' }),
      block({ name: 'b' }),
    ])
    const [a, b] = await readEntries(readTar(chunked(archive)))
    expect(a).toMatchObject({ userName: 'everyone', groupName: '', pax: new Map([['VENDOR.x', 'y=z\n']]) })
    expect(a?.xattrs.get('user.a')).toEqual(Buffer.of(0, 255, 10))
    expect(b).toMatchObject({ userName: 'everyone', groupName: 'all', pax: new Map(), xattrs: new Map() })
  })

  test.each(['12 path=a', '4 a=\n', '99999999999 a=b\n', ' a=b\n', 'x a=b\n', '6 ab=c\n'])('damaged record %j', async (text) => {
    expect(await code(Buffer.concat([block({ type: 'x' }, Buffer.from(text)), block({})]))).toBe('archive/bad-header')
  })

  test.each([
    ['size', '-1'],
    ['uid', '1e3'],
    ['mtime', '1.2.3'],
    ['size', '99999999999999999999'],
  ])('bad number %s=%s', async (key, value) => {
    expect(await code(Buffer.concat([block({ type: 'x' }, formatPax(new Map([[key, value]]))), block({})]))).toBe('archive/bad-number')
  })

  test('a NUL in a path', async () => {
    expect(await code(Buffer.concat([block({ type: 'x' }, formatPax(new Map([['path', 'a\0b']]))), block({})]))).toBe('archive/bad-header')
  })
})

describe('hostile and damaged archives', () => {
  test('a wrong checksum', async () => {
    const archive = block({})
    archive[0] = 0x41
    expect(await code(archive)).toBe('archive/bad-header')
  })

  test.each(['00000000009', '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff', '\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff'])(
    'size %j',
    async (size) => {
      expect(await code(block({ size }))).toBe('archive/bad-number')
    },
  )

  test('every way of being cut off', async () => {
    const archive = Buffer.concat([block({ type: 'x' }, formatPax(new Map([['path', 'a']]))), block({}, Buffer.alloc(600, 'x'))])
    expect(archive.length).toBe(5 * 512)
    for (let length = 1; length < archive.length; length += 73) expect(await code(archive.subarray(0, length))).toBe('archive/truncated')
    expect(await code(archive.subarray(0, 1024))).toBe('archive/truncated')
    expect(await code(archive)).toHaveLength(1)
  })

  test('unread content that is cut off', async () => {
    const iterate = async (): Promise<void> => {
      for await (const entry of readTar(chunked(block({}, Buffer.alloc(600)).subarray(0, 1024)))) expect(entry.content.size).toBe(600)
    }
    await expect(iterate()).rejects.toMatchObject({ code: 'archive/truncated' })
  })

  test('an extended header of more than 1 MiB', async () => {
    expect(await code(block({ type: 'x', size: '00004000001' }))).toBe('archive/too-large')
  })

  test('a single zero block between entries, an unknown type, sparse maps that do not fit', async () => {
    expect(await code(Buffer.concat([Buffer.alloc(512), block({})]))).toBe('archive/bad-header')
    expect(await code(block({ type: 'M' }))).toBe('archive/unsupported')
    const sparse = (map: string): Buffer =>
      Buffer.concat([
        block(
          { type: 'x' },
          formatPax(
            new Map([
              ['GNU.sparse.size', '10'],
              ['GNU.sparse.map', map],
            ]),
          ),
        ),
        block({}, Buffer.from('abc')),
      ])
    expect(await code(sparse('9,3'))).toBe('archive/bad-header')
    expect(await code(sparse('0,2'))).toBe('archive/bad-header')
    expect(await code(sparse('2,2,1,1'))).toBe('archive/bad-header')
    expect(await code(sparse('7,3'))).toMatchObject([{ data: Buffer.from('\0\0\0\0\0\0\0abc') }])
  })

  test('damage of any kind gives entries or a LinuxkitError', async () => {
    const archives = ['gnu', 'pax'].map((format) => tar(`--format=${format}`, '--sparse', 'tree/sub', 'tree/link', 'holes'))
    const damage = fc.array(fc.tuple(fc.nat(8191), fc.nat(255)), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...archives), damage, fc.boolean(), async (archive, changes, mendChecksums) => {
        const damaged = Buffer.from(archive)
        for (const [at, value] of changes) {
          damaged[at] = value
          const start = at - (at % 512)
          const header = damaged.subarray(start, start + 512)
          if (mendChecksums) header.write(`${headerChecksum(header).toString(8).padStart(6, '0')}\0 `, 148)
        }
        const outcome = await readSizes(damaged).catch((error: unknown) => error)
        expect(Array.isArray(outcome) || outcome instanceof LinuxkitError).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('a directory with a size has no data', async () => {
    expect(await code(Buffer.concat([block({ type: '5', size: '00000007000' }), block({ name: 'b' })]))).toMatchObject([
      { type: 'directory' },
      { path: 'b' },
    ])
  })
})

describe('streaming', () => {
  test('content is read once, before the next entry', async () => {
    const archive = Buffer.concat([block({}, Buffer.from('abc')), block({ name: 'b' }, Buffer.from('def'))])
    const opened: AsyncIterable<Uint8Array>[] = []
    for await (const { content } of readTar(chunked(archive))) {
      expect(await gather(content.open())).toHaveLength(3)
      opened.push(content.open())
    }
    for (const late of opened) await expect(gather(late)).rejects.toThrow('can be read once')
  })

  test('the source is closed when the reader stops early, and read to its end otherwise', async () => {
    const events: string[] = []
    async function* source(): AsyncIterable<Uint8Array> {
      try {
        yield Buffer.concat([block({}), Buffer.alloc(1024)])
        yield Buffer.alloc(512)
        events.push('end')
      } finally {
        events.push('closed')
      }
    }
    for await (const entry of readTar(source())) if (entry.path === 'file') break
    expect(events).toEqual(['closed'])
    await readEntries(readTar(source()))
    expect(events).toEqual(['closed', 'end', 'closed'])
  })
})

describe('cleanPath', () => {
  test.each([
    ['./a//b/', 'a/b'],
    ['/etc/passwd', 'etc/passwd'],
    ['./', ''],
    ['a/../b', 'b'],
    ['..a/b..', '..a/b..'],
  ])('%s is %s', (path, expected) => expect(cleanPath(path)).toBe(expected))

  test.each(['..', 'a/../../b', '/../etc'])('%s leads outside', (path) => {
    expect(() => cleanPath(path)).toThrow(expect.objectContaining({ code: 'archive/outside-root' }))
  })
})
