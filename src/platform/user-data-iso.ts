const SECTOR = 2048
/** The first 16 sectors are the system area (ECMA-119, 6.2.1). */
const DESCRIPTOR = 16
const TERMINATOR = 17
const PATH_TABLE_LITTLE = 18
const PATH_TABLE_BIG = 19
const ROOT = 20
const DATA = 21
const NAME = 'config'

/** Numbers "in both byte orders" (ECMA-119, 7.2.3 and 7.3.3). */
function bothEndian32(sector: Buffer, offset: number, value: number): void {
  sector.writeUInt32LE(value, offset)
  sector.writeUInt32BE(value, offset + 4)
}

function bothEndian16(sector: Buffer, offset: number, value: number): void {
  sector.writeUInt16LE(value, offset)
  sector.writeUInt16BE(value, offset + 2)
}

/** ECMA-119, 9.1: a directory record; `identifier` is `\0` for the directory itself and `\x01` for its parent. */
function directoryRecord(identifier: string, extent: number, size: number, isDirectory: boolean, time: Date): Buffer {
  const length = 33 + identifier.length
  const record = Buffer.alloc(length + (length % 2))
  record[0] = record.length
  bothEndian32(record, 2, extent)
  bothEndian32(record, 10, size)
  const year = time.getUTCFullYear() - 1900
  record.set([year, time.getUTCMonth() + 1, time.getUTCDate(), time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds(), 0], 18)
  record[25] = isDirectory ? 2 : 0
  bothEndian16(record, 28, 1) // volume sequence number
  record[32] = identifier.length
  record.write(identifier, 33, 'latin1')
  return record
}

/** ECMA-119, 9.4: the path table of a volume whose only directory is the root. */
function pathTable(extent: number, bigEndian: boolean): Buffer {
  const record = Buffer.alloc(10)
  record[0] = 1
  if (bigEndian) {
    record.writeUInt32BE(extent, 2)
    record.writeUInt16BE(1, 6)
  } else {
    record.writeUInt32LE(extent, 2)
    record.writeUInt16LE(1, 6)
  }
  return record
}

/** ECMA-119, 8.4: the primary volume descriptor. */
function primaryDescriptor(sectors: number, time: Date): Buffer {
  const descriptor = Buffer.alloc(SECTOR)
  descriptor[0] = 1
  descriptor.write('CD001', 1)
  descriptor[6] = 1
  descriptor.fill(' ', 8, 72)
  descriptor.write(NAME, 40) // volume identifier
  bothEndian32(descriptor, 80, sectors)
  bothEndian16(descriptor, 120, 1) // volumes in the set
  bothEndian16(descriptor, 124, 1) // number of this one
  bothEndian16(descriptor, 128, SECTOR)
  bothEndian32(descriptor, 132, 10) // size of the path table
  descriptor.writeUInt32LE(PATH_TABLE_LITTLE, 140)
  descriptor.writeUInt32BE(PATH_TABLE_BIG, 148)
  directoryRecord('\0', ROOT, SECTOR, true, time).copy(descriptor, 156)
  descriptor.fill(' ', 190, 813) // identifiers that nobody filled in
  const digits = time.toISOString().replaceAll(/\D/g, '').slice(0, 16) // YYYYMMDDHHMMSScc
  for (const offset of [813, 830]) descriptor.write(digits, offset) // creation, modification
  for (const offset of [847, 864]) descriptor.fill('0', offset, offset + 16) // expiration, effective: not specified
  descriptor[881] = 1
  return descriptor
}

/**
 * The CD that hands user data to a machine: an ISO 9660 image with volume id `config` and one file, `config`. The name is in lower
 * case and has no version, which the standard does not allow but Linux shows as it is.
 * @param time recorded as creation time
 */
export function userDataIso(data: Uint8Array, time: Date): Buffer {
  const sectors = DATA + Math.ceil(data.length / SECTOR)
  const image = Buffer.alloc(sectors * SECTOR)
  primaryDescriptor(sectors, time).copy(image, DESCRIPTOR * SECTOR)
  image[TERMINATOR * SECTOR] = 255
  image.write('CD001', TERMINATOR * SECTOR + 1)
  image[TERMINATOR * SECTOR + 6] = 1
  pathTable(ROOT, false).copy(image, PATH_TABLE_LITTLE * SECTOR)
  pathTable(ROOT, true).copy(image, PATH_TABLE_BIG * SECTOR)
  const records = [
    directoryRecord('\0', ROOT, SECTOR, true, time),
    directoryRecord('\x01', ROOT, SECTOR, true, time),
    directoryRecord(NAME, DATA, data.length, false, time),
  ]
  Buffer.concat(records).copy(image, ROOT * SECTOR)
  image.set(data, DATA * SECTOR)
  return image
}
