import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDisk, parseDisk, resolveDisks, type DiskSpec } from './disks.js'
import { formatPublish, netdev, parseNetworking, parsePublish } from './networking.js'

const error = (code: string) => expect.objectContaining({ code }) as unknown

describe('--disk', () => {
  const path = fc.stringMatching(/^[^,=]+$/)
  const spec: fc.Arbitrary<DiskSpec> = fc
    .record({
      path: fc.option(path, { nil: undefined }),
      sizeMiB: fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined }),
      format: fc.constantFrom(undefined, 'raw', 'qcow2'),
    })
    .filter((disk) => disk.path !== undefined || disk.sizeMiB !== undefined)

  test('reads what it writes', () => {
    fc.assert(
      fc.property(spec, (disk) => {
        expect(withoutUndefined(parseDisk(formatDisk(disk)))).toEqual(withoutUndefined(disk))
      }),
    )
  })

  test('takes parts in any order, the last of a kind counts', () => {
    expect(parseDisk('size=1G')).toEqual({ sizeMiB: 1024 })
    expect(parseDisk('size=2')).toEqual({ sizeMiB: 2048 })
    expect(parseDisk('a.img,size=100M,format=raw')).toEqual({ path: 'a.img', sizeMiB: 100, format: 'raw' })
    expect(parseDisk('file=a,b')).toEqual({ path: 'b' })
  })

  test.each(['', 'size=', 'size=1g', 'size=1T', 'size=-1', 'sise=1G', 'format=raw', 'size=99999999999999999G'])('refuses "%s"', (text) => {
    expect(() => parseDisk(text)).toThrow(error('run/disk'))
  })

  test('names the files of disks that have none by their place in the list', () => {
    expect(resolveDisks([{ sizeMiB: 1 }, { path: 'x' }, { sizeMiB: 1, format: 'raw' }], 's')).toEqual([
      { path: 's/disk.img', sizeMiB: 1, format: 'qcow2' },
      { path: 'x', format: undefined },
      { path: 's/disk2.img', sizeMiB: 1, format: 'raw' },
    ])
  })
})

describe('--publish and --networking', () => {
  const port = fc.integer({ min: 1, max: 65535 })

  test('reads what it writes', () => {
    fc.assert(
      fc.property(fc.record({ host: port, guest: port, protocol: fc.constantFrom('tcp' as const, 'udp' as const) }), (publish) => {
        expect(parsePublish(formatPublish(publish))).toEqual(publish)
      }),
    )
  })

  test('does not mind case and blanks of the protocol', () => {
    expect(parsePublish('8080:80')).toEqual({ host: 8080, guest: 80, protocol: 'tcp' })
    expect(parsePublish('53:53/ UDP ')).toEqual({ host: 53, guest: 53, protocol: 'udp' })
  })

  test.each(['', '80', '80:', ':80', '0:80', '80:65536', '80:80:80', '80:80/tcp/udp', '80:80/sctp', '0x50:80', '127.0.0.1:80:80'])(
    'refuses "%s"',
    (text) => {
      expect(() => parsePublish(text)).toThrow(error('run/publish'))
    },
  )

  test('knows the modes', () => {
    expect(parseNetworking('user', ['1:2'])).toEqual({ mode: 'user', publish: [{ host: 1, guest: 2, protocol: 'tcp' }] })
    expect(parseNetworking('default', [])).toEqual({ mode: 'user', publish: [] })
    expect(parseNetworking('bridge,br0', [])).toEqual({ mode: 'bridge', name: 'br0' })
    expect(netdev(parseNetworking('none', []))).toBeUndefined()
  })

  test.each(['tap', 'tap,', 'bridge', 'bridge,a,b', 'user,x', 'none,x', 'nat'])('refuses "%s"', (text) => {
    expect(() => parseNetworking(text, [])).toThrow(error('run/networking'))
  })

  test('publishes through user networking only', () => {
    expect(() => parseNetworking('tap,t0', ['1:2'])).toThrow(error('run/publish'))
  })
})

function withoutUndefined(disk: DiskSpec): Record<string, unknown> {
  return Object.fromEntries(Object.entries(disk).filter(([, value]) => value !== undefined))
}
