/**
 * Patterns of paths, without a leading slash and anchored at the root: `*` and `?` stay within one name, `**` crosses directories,
 * `[abc]`, `[!abc]` and `{a,b}` choose. A pattern that matches a directory matches everything below it.
 */
export function compileGlob(pattern: string): RegExp {
  return new RegExp(`^${translate(pattern.replace(/^\/+|\/+$/g, ''))}(?:/.*)?$`, 's')
}

const TOKEN = /\*\*\/|\/\*\*$|\*\*|\*|\?|\[(?:!|\^)?\]?[^\]]*\]|\{[^{}]*\}|[^]/g

function translate(pattern: string): string {
  return (pattern.match(TOKEN) ?? []).map(translateToken).join('')
}

function translateToken(token: string): string {
  if (token === '**/') return '(?:.*/)?'
  if (token === '/**') return '/.*'
  if (token === '**') return '.*'
  if (token === '*') return '[^/]*'
  if (token === '?') return '[^/]'
  if (token.length > 1 && token.startsWith('[')) {
    const negated = /^\[[!^]/.test(token)
    return `[${negated ? '^/' : ''}${token.slice(negated ? 2 : 1, -1).replace(/[\\\][]/g, String.raw`\$&`)}]`
  }
  if (token.length > 1) return `(?:${token.slice(1, -1).split(',').map(translate).join('|')})`
  return token.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}

export interface Filter {
  /** When there are any, only what matches one of them stays. */
  readonly keep?: readonly string[] | undefined
  /** Wins over `keep`. The last pattern that matches decides, and with `!` before it takes back what others removed. */
  readonly remove?: readonly string[] | undefined
}

/** A test that tells which paths stay. */
export function compileFilter({ keep = [], remove = [] }: Filter): (path: string) => boolean {
  const kept = keep.map(compileGlob)
  const removed = remove.map((pattern) => ({
    takesBack: pattern.startsWith('!'),
    expression: compileGlob(pattern.replace(/^!/, '')),
  }))
  return (path) => {
    const decisive = removed.findLast(({ expression }) => expression.test(path))
    if (decisive !== undefined && !decisive.takesBack) return false
    return kept.length === 0 || kept.some((expression) => expression.test(path))
  }
}

/** The texts that a pattern with `{a,b}` stands for, each alternative in turn. */
export function expandBraces(pattern: string): readonly string[] {
  const match = /^([^{}]*)\{([^{}]*)\}(.*)$/s.exec(pattern)
  if (match === null) return [pattern]
  const [, before = '', choices = '', after = ''] = match
  return choices.split(',').flatMap((choice) => expandBraces(after).map((rest) => before + choice + rest))
}
