import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesContent } from '../base/content.js'
import { layOut } from './extents.js'
import { masterBootRecord, MBR_TYPES, type MbrPartition } from './mbr.js'
import { GIBIBYTE, MEBIBYTE } from './sectors.js'
import { judge, temporaryDirectory, writeRaw } from './test-support.js'

const partition: MbrPartition = { type: MBR_TYPES.fat32, active: true, start: 2048, sectors: 4096 }

describe('an MBR', () => {
  test.each([
    ['small', 8 * MEBIBYTE, 4096],
    ['beyond the cylinders that there are numbers for', 100 * GIBIBYTE, (100 * GIBIBYTE) / 512 - 2048],
  ])('of a disk %s is what sfdisk reads', async (_, size, sectors) => {
    using directory = temporaryDirectory()
    const path = directory.path('disk')
    const record = masterBootRecord({ partitions: [{ ...partition, sectors }], diskId: 0xdeadbeef, bootCode: Buffer.alloc(440, 0x90) })
    await writeRaw(path, layOut(size, [{ offset: 0, content: bytesContent(record) }]))
    const { partitiontable: table } = JSON.parse(judge('sfdisk', '-J', path))
    expect(table).toMatchObject({ label: 'dos', id: '0xdeadbeef' })
    expect(table.partitions).toEqual([{ node: `${path}1`, start: 2048, size: sectors, type: 'c', bootable: true }])
    expect(judge('sfdisk', '-V', path)).not.toMatch(/overlap|beyond|inconsistent/i)
  })

  test('is written byte for byte as sfdisk does it', async () => {
    using directory = temporaryDirectory()
    const path = directory.path('theirs')
    await writeRaw(path, layOut(64 * MEBIBYTE, []))
    const script = directory.path('script')
    writeFileSync(script, 'label: dos\nlabel-id: 0x12345678\nstart=2048, size=4096, type=c, bootable\n')
    judge('sh', '-c', 'sfdisk -q "$0" < "$1"', path, script)
    const theirs = readFileSync(path)
    expect(masterBootRecord({ partitions: [partition], diskId: 0x12345678 }).equals(theirs.subarray(0, 512))).toBe(true)
  })

  test('reaches no further than 2 TiB', () => {
    expect(() => masterBootRecord({ partitions: [{ ...partition, sectors: 2 ** 32 }], diskId: 1 })).toThrow('no further than 2 TiB')
  })

  test('has 440 bytes for code', () => {
    expect(() => masterBootRecord({ partitions: [], diskId: 1, bootCode: Buffer.alloc(441) })).toThrow('does not fit')
  })
})
