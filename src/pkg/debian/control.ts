/** One paragraph of a control file: field names as written, to values without the surrounding white space. */
export type Stanza = ReadonlyMap<string, string>

/**
 * Parses deb822(5): paragraphs of `Name: value` lines, parted by empty lines.
 * A value's continuation lines are joined with `\n`, each without its first character; comment lines are dropped.
 * Lines that are none of these are skipped, as what we parse was written by tools or has passed a signature check.
 */
export function parseControl(text: string): readonly Stanza[] {
  const stanzas: Stanza[] = []
  let fields = new Map<string, string>()
  let last: string | undefined
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') {
      if (fields.size > 0) stanzas.push(fields)
      fields = new Map()
      last = undefined
    } else if (line.startsWith('#')) {
      continue
    } else if (line.startsWith(' ') || line.startsWith('\t')) {
      if (last !== undefined) fields.set(last, `${fields.get(last) ?? ''}\n${line.slice(1).trimEnd()}`)
    } else {
      const colon = line.indexOf(':')
      if (colon < 1) continue
      last = line.slice(0, colon)
      fields.set(last, line.slice(colon + 1).trim())
    }
  }
  if (fields.size > 0) stanzas.push(fields)
  return stanzas
}
