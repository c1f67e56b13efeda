import { decompress } from '../../archive/decompress.js'
import { entry, type Entry } from '../../archive/entry.js'
import { bytesContent, readAll, readContent, textContent, type Content } from '../../base/content.js'
import { LinuxkitError } from '../../base/errors.js'
import type { KernelSection } from '../debian-section.js'
import { FileTree } from '../file-tree.js'
import { compileFilter } from '../glob.js'
import type { Spool } from '../spool.js'
import { depmod, directDependencies, moduleName, type KernelModule } from './depmod.js'
import { readModuleInfo } from './modinfo.js'

export interface KernelImage {
  /** Exactly `kernel`, `kernel.tar` and `kernel-config`. */
  readonly tree: FileTree
  /** As `uname -r` tells it. */
  readonly release: string
  /** How many modules there are. */
  readonly modules: number
  /** Compressions of an initrd that the kernel can unpack, from CONFIG_RD_* of its configuration. */
  readonly initrdCompressions: readonly string[]
}

/** The largest modules, those of graphics cards, have 30 MB. */
const MODULE_LIMIT = 256 << 20
const KERNEL = /^boot\/vmlinu[xz]-(.+)$/
const MODULE = /\.ko(?:\.(?:xz|gz|zst))?$/

/**
 * Makes a kernel image as LinuxKit's are from what a Debian kernel package brings (`boot/vmlinuz-*`, `boot/config-*`, `usr/lib/modules/*`).
 * Modules are chosen by the section's patterns; those that chosen ones depend on are added. What depmod(8) would do on the machine is done here.
 * @throws {LinuxkitError} `kernel/not-found`, `kernel/several`, `kernel/bad-module`, `kernel/missing-module`
 */
export async function kernelImage(packages: FileTree, section: KernelSection, spool: Spool, signal: AbortSignal): Promise<KernelImage> {
  const release = findRelease(packages)
  const tree = new FileTree()
  const config = required(packages, `boot/config-${release}`)
  const binary = packages.get(`boot/vmlinuz-${release}`) ?? required(packages, `boot/vmlinux-${release}`)
  tree.add({ ...config, path: 'kernel-config', mode: 0o644 })
  tree.add({ ...binary, path: 'kernel', mode: 0o644 })
  const modules = await modulesTree(packages, release, section, spool, signal)
  tree.add(entry({ path: 'kernel.tar', type: 'file', content: await spool.add(modules.tar()) }))
  const options = (await readContent(config.content)).toString('utf8').matchAll(/^CONFIG_RD_(\w+)=y$/gm)
  return {
    tree,
    release,
    modules: modules.paths.filter((path) => MODULE.test(path)).length,
    initrdCompressions: [...options].map(([, name = '']) => name.toLowerCase()).sort(),
  }
}

function findRelease(packages: FileTree): string {
  const [release, other] = packages.paths.flatMap((path) => KERNEL.exec(path)?.[1] ?? [])
  if (release === undefined) {
    throw new LinuxkitError('kernel/not-found', 'the Debian packages bring no kernel', { hint: 'name a package like linux-image-amd64' })
  }
  if (other === undefined) return release
  throw new LinuxkitError('kernel/several', `the Debian packages bring several kernels: ${release} and ${other}`)
}

function required(packages: FileTree, path: string): Entry {
  const found = packages.get(path)
  if (found?.type === 'file') return found
  throw new LinuxkitError('kernel/not-found', `the Debian packages bring no file "${path}"`)
}

/** `lib/modules/<release>`: in a root that is not merged, where the kernel and modprobe look first. */
async function modulesTree(
  packages: FileTree,
  release: string,
  section: KernelSection,
  spool: Spool,
  signal: AbortSignal,
): Promise<FileTree> {
  const from = `usr/lib/modules/${release}/`
  const to = `lib/modules/${release}/`
  const tree = new FileTree()
  tree.add(entry({ path: to, type: 'directory' }))
  const found = packages.paths
    .filter((path) => path.startsWith(`${from}kernel/`) && MODULE.test(path))
    .map((path) => path.slice(from.length))
  const modules: KernelModule[] = []
  for await (const { path, file } of chosenModules(found, section, (path) => required(packages, from + path).content, signal)) {
    const plain = path.replace(/\.(?:xz|gz|zst)$/, '')
    const info = readModuleInfo(file, path)
    const stored = section.decompress ? plain : path
    modules.push({ path: stored, info })
    const content = section.decompress ? await spool.add(bytesContent(file).open()) : required(packages, from + path).content
    tree.add(entry({ path: to + stored, type: 'file', content }))
  }
  const order = (await readContent(packages.get(`${from}modules.order`)?.content ?? textContent(''))).toString('utf8').split('\n')
  for (const [name, text] of depmod(modules, order)) tree.add(entry({ path: to + name, type: 'file', content: textContent(text) }))
  for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo']) {
    const content = packages.get(from + name)?.content
    if (content !== undefined) tree.add(entry({ path: to + name, type: 'file', content }))
  }
  return tree
}

/** The modules that the patterns choose and those that they need, uncompressed, each once. */
async function* chosenModules(
  paths: readonly string[],
  section: KernelSection,
  open: (path: string) => Content,
  signal: AbortSignal,
): AsyncIterable<{ readonly path: string; readonly file: Uint8Array }> {
  const stays = compileFilter(section.modules ?? {})
  const byName = new Map(paths.map((path) => [moduleName(path), path]))
  const chosen = new Set(paths.filter((path) => stays(path.replace(/^kernel\//, '').replace(/\.(?:xz|gz|zst)$/, ''))))
  // A set is walked in the order of insertion, also through what is added on the way.
  for (const path of chosen) {
    signal.throwIfAborted()
    const file = await readAll(decompress(open(path).open()), MODULE_LIMIT)
    for (const name of directDependencies(readModuleInfo(file, path))) {
      const needed = byName.get(name)
      if (needed !== undefined) chosen.add(needed)
    }
    yield { path, file }
  }
}
