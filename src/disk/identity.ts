import { createHash } from 'node:crypto'
import type { Digest } from '../base/digest.js'

/** A GUID in the form `c12a7328-f81f-11d2-ba4b-00a0c93ec93b`. */
export type Guid = string

/**
 * A GUID that depends on nothing but its arguments, of version 8 (RFC 9562, section 5.8).
 * @param domain what the GUID is for, so that several of one image differ: `disk`, `partition 1`
 * @param identity stands for the content of the image
 */
export function contentGuid(domain: string, identity: Digest): Guid {
  const bytes = hash(domain, identity).subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** A number of 32 bits, not 0, that depends on nothing but its arguments: the id of an MBR or of a FAT volume. */
export function contentNumber(domain: string, identity: Digest): number {
  return hash(domain, identity).readUInt32LE(0) || 1
}

function hash(domain: string, identity: Digest): Buffer {
  return createHash('sha256').update(`${domain}\0${identity}`).digest()
}

/** The bytes of a GUID in the order of its digits, as VHD has them. */
export function guidBytes(guid: Guid): Buffer {
  return Buffer.from(guid.replaceAll('-', ''), 'hex')
}

/** The bytes of a GUID as GPT has them: the first three fields little-endian (UEFI 2.10, appendix A). */
export function mixedEndianGuidBytes(guid: Guid): Buffer {
  const bytes = guidBytes(guid)
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}
