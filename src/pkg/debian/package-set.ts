import { parseRelations, satisfies, type Relation } from './depends.js'
import type { DebianPackage } from './packages.js'
import { compareVersions } from './version.js'

interface Provision {
  readonly package: DebianPackage
  /** Only a provision with a version can meet a relation with a version (Debian Policy 7.5). */
  readonly version: string | undefined
}

const PRIORITIES: readonly string[] = ['required', 'important', 'standard', 'optional']

/** All packages of one architecture, over all suites. Of each name the newest version is the one that is installed. */
export class PackageSet {
  readonly arch: string
  readonly #versions = new Map<string, DebianPackage[]>()
  #provisions: Map<string, Provision[]> | undefined

  constructor(packages: Iterable<DebianPackage>, arch: string) {
    this.arch = arch
    for (const found of packages) {
      const known = this.#versions.get(found.name)
      if (known === undefined) this.#versions.set(found.name, [found])
      else if (!known.some(({ version }) => version === found.version)) {
        known.push(found)
        known.sort((a, b) => compareVersions(b.version, a.version))
      }
    }
  }

  /** Names of all real packages. */
  names(): readonly string[] {
    return [...this.#versions.keys()]
  }

  /** Every version of the package, newest first. */
  versions(name: string): readonly DebianPackage[] {
    return this.#versions.get(name) ?? []
  }

  /** The newest version of the package. */
  newest(name: string): DebianPackage | undefined {
    return this.versions(name)[0]
  }

  /** Packages that meet the relation: the one of that name, then those that provide it, the more important first, then by name. */
  matching({ name, constraint }: Relation): readonly DebianPackage[] {
    const own = this.newest(name)
    const result = own !== undefined && satisfies(own.version, constraint) ? [own] : []
    for (const provision of this.#provided().get(name) ?? []) {
      const meets = constraint === undefined || (provision.version !== undefined && satisfies(provision.version, constraint))
      if (meets && !result.includes(provision.package)) result.push(provision.package)
    }
    return result
  }

  #provided(): ReadonlyMap<string, readonly Provision[]> {
    if (this.#provisions !== undefined) return this.#provisions
    const provisions = new Map<string, Provision[]>()
    for (const [newest] of this.#versions.values()) {
      if (newest === undefined || newest.provides === '') continue
      for (const { name, constraint } of parseRelations(newest.provides, this.arch).flat()) {
        const provision = { package: newest, version: constraint?.version }
        const others = provisions.get(name)
        if (others === undefined) provisions.set(name, [provision])
        else others.push(provision)
      }
    }
    for (const list of provisions.values()) list.sort((a, b) => compareImportance(a.package, b.package))
    return (this.#provisions = provisions)
  }
}

function compareImportance(a: DebianPackage, b: DebianPackage): number {
  return rank(a) - rank(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}

function rank({ priority }: DebianPackage): number {
  const index = PRIORITIES.indexOf(priority)
  return index < 0 ? PRIORITIES.length : index
}
