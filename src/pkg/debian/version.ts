/**
 * The order of Debian version numbers, `[epoch:]upstream[-revision]` (deb-version(7), "Sorting algorithm").
 * @returns less than 0 when `a` is older than `b`, 0 when they are equal (`1.0` and `1.00` are), more than 0 when it is newer
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0
  const left = splitVersion(a)
  const right = splitVersion(b)
  return left.epoch - right.epoch || compareParts(left.upstream, right.upstream) || compareParts(left.revision, right.revision)
}

interface SplitVersion {
  readonly epoch: number
  readonly upstream: string
  readonly revision: string
}

function splitVersion(version: string): SplitVersion {
  const colon = version.indexOf(':')
  const hyphen = version.lastIndexOf('-')
  const hasRevision = hyphen > colon
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: version.slice(colon + 1, hasRevision ? hyphen : undefined),
    // An absent revision is older than any but `0`, with which it is equal.
    revision: hasRevision ? version.slice(hyphen + 1) : '',
  }
}

/** Compares alternately a run of non-digits, in the order of {@link weight}, and a run of digits, by value. */
function compareParts(a: string, b: string): number {
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a.charCodeAt(i))) || (j < b.length && !isDigit(b.charCodeAt(j)))) {
      const difference = weight(a, i) - weight(b, j)
      if (difference !== 0) return difference
      i++
      j++
    }
    while (a.charCodeAt(i) === ZERO) i++
    while (b.charCodeAt(j) === ZERO) j++
    // Without leading zeros the longer number is the larger one, and of two equally long ones the first other digit tells.
    let firstDifference = 0
    while (isDigit(a.charCodeAt(i)) && isDigit(b.charCodeAt(j))) {
      firstDifference ||= a.charCodeAt(i) - b.charCodeAt(j)
      i++
      j++
    }
    if (isDigit(a.charCodeAt(i))) return 1
    if (isDigit(b.charCodeAt(j))) return -1
    if (firstDifference !== 0) return firstDifference
  }
  return 0
}

const ZERO = 0x30
const TILDE = 0x7e

/** A tilde sorts before the end of a part, the end before letters, letters before everything else. */
function weight(text: string, index: number): number {
  const code = text.charCodeAt(index)
  if (Number.isNaN(code) || isDigit(code)) return 0
  if (code === TILDE) return -1
  return isLetter(code) ? code : code + 256
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= 0x39
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
}
