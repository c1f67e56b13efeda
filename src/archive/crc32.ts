/** The CRC-32 polynomial of gzip (RFC 1952, section 8), highest power in the lowest bit. */
const POLYNOMIAL = 0xedb88320

/** The polynomials 1 and x^8 in the same bit order. */
const ONE = 0x80000000
const X_TO_8 = 0x00800000

/**
 * The CRC-32 of two runs of bytes after one another, from the CRC-32 of each.
 * A CRC is the remainder of a division of polynomials, so appending n bytes multiplies the first one by x^(8n).
 * @param lengthOfB length of the second run in bytes
 */
export function combineCrc32(a: number, b: number, lengthOfB: number): number {
  let factor = ONE
  let square = X_TO_8
  for (let length = lengthOfB; length > 0; length = Math.floor(length / 2)) {
    if (length % 2 === 1) factor = multiply(factor, square)
    square = multiply(square, square)
  }
  return (multiply(a, factor) ^ b) >>> 0
}

/** Product of two polynomials over GF(2), modulo {@link POLYNOMIAL}. */
function multiply(a: number, b: number): number {
  let product = 0
  let multiple = b
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= multiple
    multiple = (multiple & 1) === 1 ? (multiple >>> 1) ^ POLYNOMIAL : multiple >>> 1
  }
  return product
}
