import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBzip2 } from './bzip2.js'
import { decodeLz4 } from './lz4.js'
import { decodeLzma } from './lzma.js'
import { run } from './test-support.js'

const LIMIT = 1 << 24
const TEXT = Buffer.concat([
  ...Array.from({ length: 40 }, (_, at) => Buffer.concat([randomBytes(3000), Buffer.alloc(at * 900, `line ${at} of many\n`)])),
  Buffer.alloc(1_100_000, 'z'),
  randomBytes(70_000),
])

describe.each([
  {
    name: 'lz4',
    decode: decodeLz4,
    commands: [
      ['lz4', '-l', '-c'],
      ['lz4', '-l', '-9', '-c'],
    ],
  },
  {
    name: 'lzma',
    decode: decodeLzma,
    commands: [
      ['xz', '--format=lzma', '-c'],
      ['xz', '--format=lzma', '-0', '-c'],
      ['xz', '--format=lzma', '--lzma1=lc=1,lp=2,pb=0', '-c'],
    ],
  },
  {
    name: 'bzip2',
    decode: decodeBzip2,
    commands: [
      ['bzip2', '-c'],
      ['bzip2', '-1', '-c'],
    ],
  },
])('$name', ({ decode, commands }) => {
  const pack = ([program = '', ...argv]: readonly string[], data: Uint8Array): Buffer => run(program, argv, data)

  test.each(commands)('what %s %s %s makes', (...command) => {
    for (const data of [TEXT, Buffer.from('a'), Buffer.alloc(9000), randomBytes(100_000)]) {
      expect(decode(pack(command, data), LIMIT).equals(data)).toBe(true)
    }
  })

  test('random data of few different bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3000 }), (bytes) => {
        expect([...decode(pack(commands[0] ?? [], Buffer.from(bytes)), LIMIT)]).toEqual(bytes)
      }),
      { numRuns: 20 },
    )
  })

  test('damage gives bytes or an error, and never more than the limit', () => {
    const packed = pack(commands[0] ?? [], TEXT.subarray(0, 20_000))
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, cut) => {
        const damaged = Buffer.from(packed)
        damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at)
        let length = 0
        try {
          length = decode(cut ? damaged.subarray(0, at + 1) : damaged, 100_000).length
        } catch {
          return
        }
        expect(length).toBeLessThanOrEqual(100_000)
      }),
      { numRuns: 200 },
    )
    expect(() => decode(pack(commands[0] ?? [], TEXT), 1000)).toThrow('unpacks to more than 1000 bytes')
    expect(() => decode(packed.subarray(0, packed.length - 100), LIMIT)).toThrow(/in the middle|out of range|outside/)
  })
})
