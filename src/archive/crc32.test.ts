import { crc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { combineCrc32 } from './crc32.js'

test('the CRC of joined bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.uint8Array({ maxLength: 3000 }), (a, b) => {
      expect(combineCrc32(crc32(a), crc32(b), b.length)).toBe(crc32(Buffer.concat([a, b])))
    }),
  )
})

test('lengths beyond 32 bits: zeros after zeros, joined in two ways', () => {
  const zeros = (exponent: number): number => {
    if (exponent === 20) return crc32(new Uint8Array(2 ** 20))
    const half = zeros(exponent - 1)
    return combineCrc32(half, half, 2 ** (exponent - 1))
  }
  const a = crc32(Buffer.from('before'))
  const stepwise = combineCrc32(combineCrc32(a, zeros(33), 2 ** 33), zeros(33), 2 ** 33)
  expect(combineCrc32(a, zeros(34), 2 ** 34)).toBe(stepwise)
})
