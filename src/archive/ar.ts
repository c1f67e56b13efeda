import type { Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { ByteReader, StreamedContent, truncated } from './byte-reader.js'

const MAGIC = '!<arch>\n'
const HEADER_SIZE = 60
const HEADER_END = '`\n'

export interface ArMember {
  readonly name: string
  /** Can be opened once, before the next member is asked for. */
  readonly content: Content
}

/**
 * Members of an ar archive in the form that Debian packages have (deb(5): the common format, without the extensions for long names).
 * @throws {LinuxkitError} `archive/corrupt`, `archive/truncated`
 */
export async function* readAr(source: AsyncIterable<Uint8Array>): AsyncIterable<ArMember> {
  const reader = new ByteReader(source)
  try {
    if ((await reader.read(MAGIC.length)).toString('latin1') !== MAGIC) throw corrupt('it does not begin with "!<arch>"')
    for (;;) {
      const header = await reader.read(HEADER_SIZE)
      if (header.length === 0) return
      if (header.length < HEADER_SIZE) throw truncated()
      const { name, size } = parseHeader(header)
      const content = new StreamedContent(reader, size)
      yield { name, content }
      await content.finish()
      // Members begin at even offsets; the last one may lack its padding.
      if (size % 2 === 1) await reader.read(1)
    }
  } finally {
    await reader.close()
  }
}

/** Offsets as in <ar.h>: ar_name 0-15, ar_size 48-57, ar_fmag 58-59. GNU ar ends names with a slash, dpkg does not. */
function parseHeader(header: Buffer): { name: string; size: number } {
  const name = header.toString('latin1', 0, 16).trimEnd().replace(/\/$/, '')
  const size = header.toString('latin1', 48, 58).trimEnd()
  if (header.toString('latin1', 58) !== HEADER_END || !/^\d+$/.test(size)) throw corrupt('a member header is damaged')
  if (name === '' || name.startsWith('/') || name.startsWith('#1/')) throw corrupt('it has long member names or a symbol table')
  return { name, size: Number(size) }
}

function corrupt(reason: string): LinuxkitError {
  return new LinuxkitError('archive/corrupt', `not an ar archive as Debian packages are: ${reason}`)
}
