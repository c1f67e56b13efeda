/** What a registry wants to see before it answers (RFC 9110, section 11.6.1; Distribution "Token Authentication Specification"). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string
  readonly parameters: ReadonlyMap<string, string>
}

const SCHEME = /^\s*,?\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s+|$)(?!=)/
const PARAMETER = /^\s*,?\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/

/** The challenges of a `WWW-Authenticate` header, in their order; what cannot be read ends the list. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  let rest = header
  while (rest.trim() !== '') {
    const parameter = challenges.length > 0 ? PARAMETER.exec(rest) : null
    const match = parameter ?? SCHEME.exec(rest)
    if (match === null) break
    rest = rest.slice(match[0].length)
    const [, name = '', quoted, plain] = match
    if (parameter === null) challenges.push({ scheme: name.toLowerCase(), parameters: new Map() })
    else challenges.at(-1)?.parameters.set(name.toLowerCase(), quoted === undefined ? (plain ?? '') : quoted.replace(/\\(.)/g, '$1'))
  }
  return challenges
}
