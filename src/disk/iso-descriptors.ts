import type { Timestamp } from '../archive/entry.js'
import type { Hierarchy } from './iso-directories.js'
import { both16, both32, ISO_SECTOR, volumeTime } from './iso-fields.js'

/** The system area is before it, for others to fill (ECMA-119, 6.2.1). */
export const FIRST_DESCRIPTOR = 16

const APPLICATION = 'LINUXKIT'
const EL_TORITO = 'EL TORITO SPECIFICATION'
/** Joliet level 3 (Joliet Specification, "SVD Escape Sequences Field"). */
const UCS_2 = '%/E'

/** What all descriptors of a volume say. */
export interface Volume {
  readonly id: string
  /** Of the whole in sectors. */
  readonly sectors: number
  readonly time: Timestamp
}

/** ECMA-119, 8.4. */
export function primaryDescriptor(volume: Volume, hierarchy: Hierarchy): Buffer {
  return describe(1, volume, hierarchy, (value, length) => Buffer.from(value.padEnd(length), 'latin1'))
}

/** ECMA-119, 8.5, with Joliet's 16-bit characters; an identifier has room for half as many of them. */
export function jolietDescriptor(volume: Volume, hierarchy: Hierarchy): Buffer {
  const descriptor = describe(2, volume, hierarchy, (value, length) => {
    const characters = Math.floor(length / 2)
    const field = Buffer.alloc(length)
    field.set(Buffer.from(value.slice(0, characters).padEnd(characters), 'utf16le').swap16())
    return field
  })
  descriptor.write(UCS_2, 88, 'latin1')
  return descriptor
}

/** El Torito, figure 7. @param catalog the sector of the boot catalog */
export function bootDescriptor(catalog: number): Buffer {
  const descriptor = start(0)
  descriptor.write(EL_TORITO, 7, 'latin1')
  descriptor.writeUInt32LE(catalog, 71)
  return descriptor
}

/** ECMA-119, 8.3. */
export function terminator(): Buffer {
  return start(255)
}

function describe(
  type: number,
  { id, sectors, time }: Volume,
  { rootRecord, pathTableSize, littleEndianTable, bigEndianTable }: Hierarchy,
  text: (value: string, length: number) => Buffer,
): Buffer {
  const descriptor = start(type)
  const texts: readonly (readonly [offset: number, length: number, value: string])[] = [
    [8, 32, ''], // system
    [40, 32, id],
    [190, 128, ''], // volume set
    [318, 128, ''], // publisher
    [446, 128, ''], // data preparer
    [574, 128, APPLICATION],
    [702, 37, ''], // copyright file
    [739, 37, ''], // abstract file
    [776, 37, ''], // bibliographic file
  ]
  for (const [offset, length, value] of texts) descriptor.set(text(value, length), offset)
  descriptor.set(both32(sectors), 80)
  descriptor.set(both16(1), 120) // volumes in the set
  descriptor.set(both16(1), 124) // number of this one
  descriptor.set(both16(ISO_SECTOR), 128)
  descriptor.set(both32(pathTableSize), 132)
  descriptor.writeUInt32LE(littleEndianTable, 140)
  descriptor.writeUInt32BE(bigEndianTable, 148)
  descriptor.set(rootRecord, 156)
  for (const [index, one] of [time, time, undefined, undefined].entries()) {
    descriptor.set(volumeTime(one), 813 + 17 * index) // creation, modification, expiration, effective
  }
  descriptor[881] = 1 // version of the structure of files
  return descriptor
}

/** ECMA-119, 8.1. */
function start(type: number): Buffer {
  const descriptor = Buffer.alloc(ISO_SECTOR)
  descriptor[0] = type
  descriptor.write('CD001', 1, 'latin1')
  descriptor[6] = 1
  return descriptor
}
