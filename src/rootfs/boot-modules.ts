import { readContent } from '../base/content.js'
import type { Entry } from '../archive/entry.js'

/** Drivers of what a root can be on: disks, CDs and USB sticks of machines and hypervisors. Those that a kernel has built in, or lacks, are passed over. */
const STORAGE_DRIVERS = `
  virtio_pci virtio_mmio virtio_ccw virtio_blk virtio_scsi ahci ata_piix ata_generic nvme sd_mod sr_mod mmc_block sdhci_pci sdhci_acpi
  xhci_pci ehci_pci ohci_pci uhci_hcd usb_storage uas hv_storvsc xen_blkfront vmw_pvscsi mptspi mptsas megaraid_sas mpt3sas dasd_eckd_mod
`
  .trim()
  .split(/\s+/)

/** Where kernels put their modules. */
const MODULE_FILE = /^(?:usr\/)?lib\/modules\/([^/]+)\/(.+)$/

/** The indexes of depmod(8) that finding and loading a module takes. */
const INDEXES = ['modules.dep', 'modules.alias', 'modules.softdep', 'modules.builtin'] as const
type IndexName = (typeof INDEXES)[number]

/** The modules of one kernel release, as depmod(8) describes them: the text of each index. */
export interface ModuleIndex {
  readonly release: string
  readonly texts: Readonly<Record<IndexName, string>>
}

/** A choice of modules, with the indexes cut to them. */
export interface ChosenModules {
  readonly release: string
  /** Paths of the files below `lib/modules/RELEASE/`. */
  readonly files: ReadonlySet<string>
  readonly indexes: Readonly<Record<IndexName, string>>
}

/** Path of a module's file or index below its release's directory; undefined for any other path. */
export function modulePath(path: string): { readonly release: string; readonly file: string } | undefined {
  const [, release, file] = MODULE_FILE.exec(path) ?? []
  return release === undefined || file === undefined ? undefined : { release, file }
}

/** Reads the indexes out of a tree. Undefined when it has no modules, as with kernels that have everything built in. */
export async function readModuleIndex(entries: AsyncIterable<Entry>): Promise<ModuleIndex | undefined> {
  const texts: Record<IndexName, string> = { 'modules.dep': '', 'modules.alias': '', 'modules.softdep': '', 'modules.builtin': '' }
  let release: string | undefined
  for await (const one of entries) {
    const found = modulePath(one.path)
    const name = INDEXES.find((index) => index === found?.file)
    if (found === undefined || name === undefined || one.type !== 'file') continue
    texts[name] = (await readContent(one.content)).toString('utf8')
    if (name === 'modules.dep') release = found.release
  }
  return release === undefined ? undefined : { release, texts }
}

/**
 * The modules that mounting a root takes, with all that they depend on.
 * @param names of modules beside the drivers of storage; `-` and `_` are the same in them
 */
export function chooseModules({ release, texts }: ModuleIndex, names: readonly string[], withStorage: boolean): ChosenModules {
  const dependencies = new Map<string, readonly string[]>()
  for (const line of lines(texts['modules.dep'])) {
    const [path = '', needed = ''] = line.split(':', 2)
    dependencies.set(moduleName(path), [path, ...needed.split(' ').filter((word) => word !== '')])
  }
  const aliases = literalAliases(texts['modules.alias'])
  const files = new Set<string>()
  const chosen = new Set<string>()
  const pending = [...names, ...(withStorage ? STORAGE_DRIVERS : [])].map(canonical)
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (chosen.has(name)) continue
    const paths = dependencies.get(name)
    if (paths === undefined) {
      pending.push(...(aliases.get(name) ?? []).filter((module) => dependencies.has(module)))
      continue
    }
    chosen.add(name)
    for (const path of paths) {
      files.add(path)
      pending.push(moduleName(path))
    }
    pending.push(...softDependencies(texts['modules.softdep'], name))
  }
  const keep = (index: IndexName, nameOf: (line: string) => string): string =>
    lines(texts[index])
      .filter((line) => chosen.has(nameOf(line)))
      .map((line) => `${line}\n`)
      .join('')
  return {
    release,
    files,
    indexes: {
      'modules.dep': keep('modules.dep', (line) => moduleName(line.slice(0, line.indexOf(':')))),
      'modules.alias': keep('modules.alias', (line) => canonical(line.slice(line.lastIndexOf(' ') + 1))),
      'modules.softdep': keep('modules.softdep', (line) => canonical(line.split(' ')[1] ?? '')),
      'modules.builtin': texts['modules.builtin'],
    },
  }
}

/** What a module wants loaded before itself: `softdep NAME pre: NAME... post: NAME...` (modprobe.d(5)). */
function softDependencies(text: string, name: string): readonly string[] {
  return lines(text).flatMap((line) => {
    const [, module = '', ...words] = line.split(/\s+/)
    if (canonical(module) !== name) return []
    const start = words.indexOf('pre:')
    if (start === -1) return []
    const end = words.indexOf('post:', start)
    return words.slice(start + 1, end === -1 ? undefined : end).map(canonical)
  })
}

/** Modules by the names that soft dependencies call them by beside their own, as `crc32c` is any of those that compute one. */
function literalAliases(text: string): ReadonlyMap<string, readonly string[]> {
  const aliases = new Map<string, string[]>()
  for (const line of lines(text)) {
    const [, name = '', module = ''] = line.split(' ')
    if (/[*?[]/.test(name)) continue
    const modules = aliases.get(canonical(name)) ?? []
    modules.push(canonical(module))
    aliases.set(canonical(name), modules)
  }
  return aliases
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

/** `kernel/fs/isofs/isofs.ko.xz` is `isofs`. */
function moduleName(path: string): string {
  return canonical(path.slice(path.lastIndexOf('/') + 1).replace(/\.ko(?:\.\w+)?$/, ''))
}

/** File names may have dashes, the kernel's own names of modules never do. */
function canonical(name: string): string {
  return name.replaceAll('-', '_')
}
