import { LinuxkitError } from '../../base/errors.js'
import { compareVersions } from './version.js'

export type VersionOperator = '<<' | '<=' | '=' | '>=' | '>>'

export interface VersionConstraint {
  readonly operator: VersionOperator
  readonly version: string
}

/** A package, or a virtual package, that is asked for: `libfoo (>= 2)`. */
export interface Relation {
  readonly name: string
  readonly constraint: VersionConstraint | undefined
}

/** Relations of which one suffices, the preferred one first: `a | b`. */
export type Alternatives = readonly Relation[]

// name, `:any` or another architecture qualifier, (operator version), [architectures], <build profiles>
const RELATION =
  /^([a-zA-Z0-9][a-zA-Z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([\w.+:~-]+)\s*\))?\s*(?:\[([^\]]*)\])?\s*(?:<[^>]*>\s*)*$/

/** The bare signs of old control files mean "or equal" (Debian Policy 7.1). */
const OLD_OPERATORS: Readonly<Record<string, VersionOperator>> = { '<': '<=', '>': '>=' }

/**
 * Parses a field such as `Depends` (Debian Policy 7.1): groups parted by commas, all of which must be met.
 * Architecture qualifiers (`:any`) are dropped because an image has one architecture, and build profiles because they belong to builds.
 * @param arch relations restricted to other architectures (`foo [arm64]`, `bar [!amd64]`) are left out
 * @throws {LinuxkitError} `debian/bad-relation`
 */
export function parseRelations(field: string, arch: string): readonly Alternatives[] {
  return field
    .split(',')
    .map((group) => group.trim())
    .filter((group) => group !== '')
    .map((group) => group.split('|').flatMap((text) => parseRelation(text.trim(), arch)))
    .filter((group) => group.length > 0)
}

function parseRelation(text: string, arch: string): readonly Relation[] {
  const match = RELATION.exec(text)
  if (match === null) throw new LinuxkitError('debian/bad-relation', `"${text}" is not a relation between Debian packages`)
  const [, name = '', operator, version, architectures] = match
  if (architectures !== undefined && !includesArchitecture(architectures, arch)) return []
  if (operator === undefined || version === undefined) return [{ name, constraint: undefined }]
  return [{ name, constraint: { operator: OLD_OPERATORS[operator] ?? (operator as VersionOperator), version } }]
}

/** `[amd64 arm64]` names those it is for, `[!amd64]` those it is not for. */
function includesArchitecture(list: string, arch: string): boolean {
  const matches = (name: string): boolean => name === arch || name === 'any' || name === 'linux-any' || name === `any-${arch}`
  const names = list.trim().split(/\s+/)
  if (names.every((name) => name.startsWith('!'))) return !names.some((name) => matches(name.slice(1)))
  return names.some(matches)
}

/** Whether a package of this version is what the relation asks for; the name is the caller's matter. */
export function satisfies(version: string, constraint: VersionConstraint | undefined): boolean {
  if (constraint === undefined) return true
  return HOLDS[constraint.operator](compareVersions(version, constraint.version))
}

const HOLDS: Readonly<Record<VersionOperator, (order: number) => boolean>> = {
  '<<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '=': (order) => order === 0,
  '>=': (order) => order >= 0,
  '>>': (order) => order > 0,
}

/** The relation as it stands in a control file. */
export function formatRelation({ name, constraint }: Relation): string {
  return constraint === undefined ? name : `${name} (${constraint.operator} ${constraint.version})`
}
