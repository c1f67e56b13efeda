import type { DocumentOptions, ParseOptions, ScalarTag, SchemaOptions } from 'yaml'

/**
 * Integers as go-yaml v3 reads them, with which LinuxKit's files are written: a leading zero makes an octal number (YAML 1.1) beside
 * `0o` (YAML 1.2), `0b` and `0x` exist, and underscores may stand between digits. `yes`, `no`, `on` and `off` are text, as in YAML 1.2.
 */
const INTEGER = /^[-+]?(?:0b_*[01][01_]*|0o_*[0-7][0-7_]*|0x_*[\da-f][\da-f_]*|\d[\d_]*)$/i

const integer: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: INTEGER,
  resolve: (text) => {
    const digits = text.replaceAll('_', '').replace(/^[-+]/, '').toLowerCase()
    const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
    const signed = text.startsWith('-') ? -value : value
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed
  },
}

export const YAML_OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  schema: 'core',
  merge: true,
  logLevel: 'error',
  customTags: (tags) => [integer, ...tags.filter((tag) => typeof tag === 'string' || !('test' in tag) || tag.tag !== integer.tag)],
}
