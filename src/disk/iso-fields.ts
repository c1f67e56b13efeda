import type { Timestamp } from '../archive/entry.js'

/** Bytes of a logical sector, and of a logical block, which are the same here (ECMA-119, 6.1.2 and 6.2.2). */
export const ISO_SECTOR = 2048

/** How many sectors as many bytes fill. */
export function sectorsOf(bytes: number): number {
  return Math.ceil(bytes / ISO_SECTOR)
}

/** A number in both byte orders (ECMA-119, 7.2.3). */
export function both16(value: number): Buffer {
  const field = Buffer.alloc(4)
  field.writeUInt16LE(value, 0)
  field.writeUInt16BE(value, 2)
  return field
}

/** A number in both byte orders (ECMA-119, 7.3.3). */
export function both32(value: number): Buffer {
  const field = Buffer.alloc(8)
  field.writeUInt32LE(value, 0)
  field.writeUInt32BE(value, 4)
  return field
}

const FIRST_SECOND = Date.UTC(1900, 0, 1) / 1000
const LAST_SECOND = Date.UTC(2156, 0, 1) / 1000 - 1

/** The time of a record, in UTC (ECMA-119, 9.1.5): seconds in the years 1900 to 2155; what lies outside becomes the nearest of them. */
export function recordTime({ seconds }: Timestamp): Buffer {
  const time = new Date(Math.min(Math.max(seconds, FIRST_SECOND), LAST_SECOND) * 1000)
  return Buffer.from([
    time.getUTCFullYear() - 1900,
    time.getUTCMonth() + 1,
    time.getUTCDate(),
    time.getUTCHours(),
    time.getUTCMinutes(),
    time.getUTCSeconds(),
    0,
  ])
}

/** The time of a volume, in UTC (ECMA-119, 8.4.26.1): sixteen digits and an offset of zero; undefined is "not specified". */
export function volumeTime(time: Timestamp | undefined): Buffer {
  const digits = time === undefined ? '0'.repeat(16) : new Date(time.seconds * 1000).toISOString().replaceAll(/\D/gu, '').slice(0, 16)
  return Buffer.from(`${digits}\0`, 'latin1')
}
