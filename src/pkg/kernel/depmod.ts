import { LinuxkitError } from '../../base/errors.js'
import type { ModuleInfo } from './modinfo.js'

/** A kernel module and what it says about itself. */
export interface KernelModule {
  /** Relative to `lib/modules/<release>/`: `kernel/drivers/net/dummy.ko.xz`. */
  readonly path: string
  readonly info: ModuleInfo
}

/** The name by which modules depend on each other: `snd-pcm.ko.xz` is `snd_pcm` (kernel, scripts/Makefile.lib, "name-fix"). */
export function moduleName(path: string): string {
  return path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.ko(?:\.(?:xz|gz|zst))?$/, '')
    .replaceAll('-', '_')
}

/** Names of the modules whose symbols a module uses; modpost writes them into the module (kernel, scripts/mod/modpost.c, add_depends). */
export function directDependencies(info: ModuleInfo): readonly string[] {
  return valuesOf(info, 'depends').flatMap((list) =>
    list
      .split(',')
      .filter((name) => name !== '')
      .map(moduleName),
  )
}

/**
 * The index files that modprobe reads, as depmod(8) writes them: name to text.
 * @param modules all modules of the tree
 * @param order the paths of modules.order, which settles the order of the lines; others follow by path
 * @throws {LinuxkitError} `kernel/missing-module`, `kernel/module-cycle`
 */
export function depmod(modules: readonly KernelModule[], order: readonly string[]): ReadonlyMap<string, string> {
  const sorted = sortModules(modules, order)
  return new Map([
    ['modules.dep', dependencyLines(sorted).join('')],
    ['modules.alias', `# Aliases extracted from modules themselves.\n${aliasLines(sorted, 'alias', 'alias')}`],
    ['modules.softdep', `# Soft dependencies extracted from modules themselves.\n${aliasLines(sorted, 'softdep', 'softdep')}`],
    ['modules.devname', `# Device nodes to trigger on-demand module loading.\n${devnameLines(sorted).join('')}`],
  ])
}

function valuesOf(info: ModuleInfo, key: string): readonly string[] {
  return info.filter(([name]) => name === key).map(([, value]) => value)
}

function sortModules(modules: readonly KernelModule[], order: readonly string[]): readonly KernelModule[] {
  const bare = (path: string): string => path.replace(/\.(?:xz|gz|zst)$/, '')
  const ranks = new Map(order.map((path, rank) => [bare(path), rank]))
  const rank = ({ path }: KernelModule): number => ranks.get(bare(path)) ?? Infinity
  return [...modules].sort((a, b) => {
    const [rankA, rankB] = [rank(a), rank(b)]
    if (rankA !== rankB) return rankA < rankB ? -1 : 1
    return a.path < b.path ? -1 : 1
  })
}

/** `path: path...`: a module and all that it needs, in such an order that loading from the last to the first works (modules.dep(5)). */
function dependencyLines(modules: readonly KernelModule[]): readonly string[] {
  const byName = new Map(modules.map((module) => [moduleName(module.path), module]))
  const closures = new Map<KernelModule, readonly KernelModule[]>()
  const pending = new Set<KernelModule>()

  const closureOf = (module: KernelModule): readonly KernelModule[] => {
    const known = closures.get(module)
    if (known !== undefined) return known
    if (pending.has(module)) throw new LinuxkitError('kernel/module-cycle', `the kernel module "${module.path}" depends on itself`)
    pending.add(module)
    // What is needed first is put in first, and the whole is turned round at the end.
    const needed = new Set<KernelModule>()
    for (const name of directDependencies(module.info)) {
      const dependency = byName.get(name)
      if (dependency === undefined) {
        throw new LinuxkitError('kernel/missing-module', `the kernel module "${module.path}" needs "${name}", which is not there`)
      }
      for (const deeper of closureOf(dependency).toReversed()) needed.add(deeper)
      needed.add(dependency)
    }
    pending.delete(module)
    const closure = [...needed].reverse()
    closures.set(module, closure)
    return closure
  }
  return modules.map(
    (module) =>
      `${module.path}:${closureOf(module)
        .map((needed) => ` ${needed.path}`)
        .join('')}\n`,
  )
}

function aliasLines(modules: readonly KernelModule[], key: string, word: 'alias' | 'softdep'): string {
  return modules
    .flatMap(({ path, info }) => {
      const name = moduleName(path)
      return valuesOf(info, key).map((value) => (word === 'alias' ? `alias ${value} ${name}\n` : `softdep ${name} ${value}\n`))
    })
    .join('')
}

/** `module node c|bMAJOR:MINOR` for modules that announce a device node, which opened loads them (kernel, include/linux/miscdevice.h, MODULE_ALIAS_MISCDEV). */
function devnameLines(modules: readonly KernelModule[]): readonly string[] {
  return modules.flatMap(({ path, info }) => {
    const aliases = valuesOf(info, 'alias')
    const node = aliases.find((alias) => alias.startsWith('devname:'))?.slice('devname:'.length)
    const device = aliases.map((alias) => /^(char|block)-major-(\d+)-(\d+)$/.exec(alias)).find((match) => match !== null)
    if (node === undefined || device === undefined || device === null) return []
    const [, kind, major, minor] = device
    return [`${moduleName(path)} ${node} ${kind === 'char' ? 'c' : 'b'}${major}:${minor}\n`]
  })
}
