/** Plain data as JSON has it; members that are undefined are left out, bigints are written as integers. */
export type Json = string | number | bigint | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined }

/**
 * JSON as Go's encoding/json writes it, on which digests of LinuxKit's files depend: members in the given order, and `<`, `>`, `&`,
 * U+2028 and U+2029 escaped in every string ("HTMLEscape" of that package).
 * @param indent spaces per level; 0 for the compact form
 */
export function goJson(value: Json, indent = 0): string {
  return write(value, indent === 0 ? '' : '\n', ' '.repeat(indent), indent === 0 ? ':' : ': ')
}

function write(value: Json, newline: string, step: string, colon: string): string {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return escapeHtml(JSON.stringify(value))
  const inner = newline === '' ? '' : newline + step
  if (isList(value))
    return enclose(
      '[',
      value.map((item) => write(item, inner, step, colon)),
      ']',
      newline,
      inner,
    )
  const members = Object.entries(value).flatMap(([key, member]) =>
    member === undefined ? [] : [escapeHtml(JSON.stringify(key)) + colon + write(member, inner, step, colon)],
  )
  return enclose('{', members, '}', newline, inner)
}

function isList(value: readonly Json[] | object): value is readonly Json[] {
  return Array.isArray(value)
}

function enclose(open: string, items: readonly string[], close: string, newline: string, inner: string): string {
  return items.length === 0 ? open + close : open + inner + items.join(`,${inner}`) + newline + close
}

function escapeHtml(text: string): string {
  return text.replace(/[<>&\u{2028}\u{2029}]/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
