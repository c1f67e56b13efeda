import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { userDataIso } from './user-data-iso.js'

const time = new Date('2024-02-29T12:34:56Z')
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'user-data-'))
})
afterAll(() => rm(directory, { recursive: true }))

describe('userDataIso', () => {
  test.each([
    [0, 43008],
    [11, 45056],
    [2048, 45056],
    [2049, 47104],
  ])('of %i bytes is %i bytes long', (size, length) => {
    expect(userDataIso(Buffer.alloc(size), time)).toHaveLength(length)
  })

  test('has the volume id by which guests find it, and the same numbers in both byte orders', () => {
    const image = userDataIso(Buffer.from('hello'), time)
    const descriptor = image.subarray(16 * 2048, 17 * 2048)
    expect(descriptor.toString('latin1', 0, 7)).toBe('\u0001CD001\u0001')
    expect(descriptor.toString('latin1', 40, 72).trimEnd()).toBe('config')
    expect(descriptor.readUInt32LE(80)).toBe(22)
    expect(descriptor.readUInt32BE(84)).toBe(22)
    expect(descriptor.toString('latin1', 813, 829)).toBe('2024022912345600')
    expect(image.subarray(21 * 2048).toString('latin1', 0, 5)).toBe('hello')
  })

  test('lists one file in the root directory', () => {
    const data = Buffer.alloc(5000, 'user data\n')
    const image = userDataIso(data, time)
    const records = [...directoryRecords(image.subarray(20 * 2048, 21 * 2048))]
    expect(records.map(({ name }) => name)).toEqual(['\0', '\u0001', 'config'])
    const { extent = 0, size = 0 } = records[2] ?? {}
    expect(image.subarray(extent * 2048, extent * 2048 + size)).toEqual(data)
  })

  test('is recognised by file(1)', async () => {
    const path = join(directory, 'data.iso')
    await writeFile(path, userDataIso(Buffer.from('hello'), time))
    expect(execFileSync('file', ['--brief', path], { encoding: 'utf8' })).toContain("ISO 9660 CD-ROM filesystem data 'config'")
  })
})

function* directoryRecords(sector: Buffer): Iterable<{ name: string; extent: number; size: number }> {
  for (let offset = 0; sector[offset] !== 0; offset += sector[offset] ?? 0) {
    const nameLength = sector[offset + 32] ?? 0
    const name = sector.toString('latin1', offset + 33, offset + 33 + nameLength)
    yield { name, extent: sector.readUInt32LE(offset + 2), size: sector.readUInt32LE(offset + 10) }
  }
}
