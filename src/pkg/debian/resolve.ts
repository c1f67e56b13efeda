import { LinuxkitError } from '../../base/errors.js'
import { nearest } from '../../base/nearest.js'
import { formatRelation, parseRelations, type Alternatives } from './depends.js'
import type { PackageSet } from './package-set.js'
import type { DebianPackage } from './packages.js'

/**
 * The packages with all that they depend on (`Pre-Depends` and `Depends`; not `Recommends`), sorted by name.
 * What has no choice is taken first; then of alternatives one that is taken already, else the first that the archive has.
 * The order of `names` does not matter.
 * @param exclude packages that count as installed, in every version, and are never taken; a package in `names` is taken all the same
 * @throws {LinuxkitError} `debian/unknown-package`, `debian/unmet-dependency`
 */
export function resolvePackages(packages: PackageSet, names: readonly string[], exclude: readonly string[] = []): readonly DebianPackage[] {
  return new Resolution(packages, exclude).run(names)
}

interface Wish {
  readonly alternatives: Alternatives
  /** The package whose dependency it is. */
  readonly by: string
}

class Resolution {
  readonly #packages: PackageSet
  readonly #excluded: ReadonlySet<string>
  readonly #taken = new Map<string, DebianPackage>()
  /** The package that each was taken for; none for those that the user named. */
  readonly #takenFor = new Map<string, string>()
  #queue: DebianPackage[] = []
  #choices: Wish[] = []

  constructor(packages: PackageSet, exclude: readonly string[]) {
    this.#packages = packages
    this.#excluded = new Set(exclude)
  }

  run(names: readonly string[]): readonly DebianPackage[] {
    for (const name of names.toSorted()) this.#take(named(this.#packages, name))
    for (;;) {
      const next = this.#queue.shift()
      if (next !== undefined) {
        this.#follow(next)
        continue
      }
      const choice = this.#choices.shift()
      if (choice === undefined) break
      this.#choose(choice)
    }
    return [...this.#taken.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #take(wanted: DebianPackage, by?: string): void {
    if (this.#taken.has(wanted.name)) return
    this.#taken.set(wanted.name, wanted)
    if (by !== undefined) this.#takenFor.set(wanted.name, by)
    this.#queue.push(wanted)
  }

  #follow(parent: DebianPackage): void {
    for (const alternatives of parseRelations(parent.depends, this.#packages.arch)) {
      const wish = { alternatives, by: parent.name }
      const candidates = this.#candidates(alternatives)
      const [only] = candidates
      if (only !== undefined && candidates.length === 1 && !this.#isExcluded(wish)) this.#take(only, parent.name)
      else this.#choices.push(wish)
    }
  }

  #choose(wish: Wish): void {
    if (this.#isExcluded(wish)) return
    const candidates = this.#candidates(wish.alternatives)
    if (candidates.some(({ name }) => this.#taken.has(name))) return
    const [first] = candidates
    if (first === undefined) throw this.#unmet(wish)
    this.#take(first, wish.by)
  }

  #candidates(alternatives: Alternatives): readonly DebianPackage[] {
    return [...new Set(alternatives.flatMap((relation) => this.#packages.matching(relation)))]
  }

  #isExcluded({ alternatives }: Wish): boolean {
    return (
      alternatives.some(({ name }) => this.#excluded.has(name)) ||
      this.#candidates(alternatives).some(({ name }) => this.#excluded.has(name) && !this.#taken.has(name))
    )
  }

  #unmet({ alternatives, by }: Wish): LinuxkitError {
    const chain = [by]
    for (let parent = this.#takenFor.get(by); parent !== undefined; parent = this.#takenFor.get(parent)) chain.unshift(parent)
    const wanted = alternatives.map(formatRelation).join(' | ')
    const known = alternatives.flatMap(({ name }) => this.#packages.versions(name).map(({ version }) => `${name} ${version}`))
    return new LinuxkitError('debian/unmet-dependency', `the dependency ${[...chain, wanted].join(' -> ')} cannot be met`, {
      hint: known.length === 0 ? 'the archive has no such package for this architecture' : `the archive has ${known.join(', ')}`,
    })
  }
}

/** The package that the user named: a real one, or the only one that provides that name. */
function named(packages: PackageSet, name: string): DebianPackage {
  const found = packages.newest(name)
  if (found !== undefined) return found
  const providers = packages.matching({ name, constraint: undefined })
  const [only] = providers
  if (only !== undefined && providers.length === 1) return only
  const similar = nearest(name, packages.names())
  throw new LinuxkitError('debian/unknown-package', `the Debian archive has no package "${name}" for ${packages.arch}`, {
    hint:
      providers.length > 0
        ? `it is a virtual package; name one that provides it: ${providers.map((provider) => provider.name).join(', ')}`
        : similar === undefined
          ? undefined
          : `did you mean "${similar}"?`,
  })
}
