import { describe, expect, test } from 'vitest'
import { digestOf } from '../base/digest.js'
import { layOut } from './extents.js'
import { GPT_TYPES, LEGACY_BIOS_BOOTABLE, partitionTable } from './gpt.js'
import { contentGuid } from './identity.js'
import { protectiveRecord } from './mbr.js'
import { GIBIBYTE, MEBIBYTE, SECTOR_SIZE } from './sectors.js'
import { judge, temporaryDirectory, writeRaw } from './test-support.js'

const identity = digestOf('an image')
const diskId = contentGuid('disk', identity)

function disk(diskSize: number, partitions: Parameters<typeof partitionTable>[0]['partitions']) {
  const bootRecord = protectiveRecord(diskSize / SECTOR_SIZE)
  return layOut(diskSize, partitionTable({ diskId, diskSize, partitions, bootRecord }))
}

const esp = { type: GPT_TYPES.efiSystem, id: contentGuid('esp', identity), name: 'ESP', start: 2048 }

describe('a disk with a GPT', () => {
  test.each([
    ['small', 8 * MEBIBYTE],
    ['of 6 GiB', 6 * GIBIBYTE],
    ['beyond what an MBR can say', 3 * 1024 * GIBIBYTE],
  ])('%s', async (_, size) => {
    using directory = temporaryDirectory()
    const path = directory.path('disk')
    const sectors = size / SECTOR_SIZE - 4096
    await writeRaw(path, disk(size, [{ ...esp, sectors, attributes: LEGACY_BIOS_BOOTABLE }]))
    expect(judge('sgdisk', '-v', path)).toContain('No problems found')
    const { partitiontable: table } = JSON.parse(judge('sfdisk', '-J', path))
    expect(table).toMatchObject({
      label: 'gpt',
      id: diskId.toUpperCase(),
      firstlba: 34,
      lastlba: size / SECTOR_SIZE - 34,
      partitions: [
        { start: 2048, size: sectors, type: esp.type.toUpperCase(), uuid: esp.id.toUpperCase(), name: 'ESP', attrs: 'LegacyBIOSBootable' },
      ],
    })
  })

  test('has a backup that can restore it', async () => {
    using directory = temporaryDirectory()
    const path = directory.path('disk')
    await writeRaw(path, disk(8 * MEBIBYTE, [{ ...esp, sectors: 4096 }]))
    judge('dd', 'if=/dev/zero', `of=${path}`, 'bs=512', 'seek=1', 'count=33', 'conv=notrunc')
    expect(JSON.parse(judge('sfdisk', '-J', path).replace(/^.*backup appears OK.*$/m, '')).partitiontable.partitions).toMatchObject([
      { start: 2048, size: 4096, name: 'ESP' },
    ])
  })

  test('refuses a partition where the tables are', () => {
    expect(() => disk(8 * MEBIBYTE, [{ ...esp, sectors: 16384 - 2048 - 32 }])).toThrow('no place')
    expect(() => disk(8 * MEBIBYTE, [{ ...esp, start: 33, sectors: 1 }])).toThrow('no place')
  })
})

test('GUIDs depend on their arguments alone', () => {
  expect(contentGuid('disk', identity)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(contentGuid('disk', identity)).toBe(contentGuid('disk', identity))
  expect(contentGuid('disk', identity)).not.toBe(contentGuid('esp', identity))
  expect(contentGuid('disk', identity)).not.toBe(contentGuid('disk', digestOf('another')))
})
