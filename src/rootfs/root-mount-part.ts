import { LinuxkitError } from '../base/errors.js'
import { textContent } from '../base/content.js'
import { entry, type Entry } from '../archive/entry.js'
import { chooseModules, modulePath, readModuleIndex } from './boot-modules.js'
import { directories } from './image-tree.js'
import { newPart, type Part } from './part.js'

/** Where the root is, for the `/init` of an initramfs that only mounts it (guest/cmd/init). */
export type RootPlace =
  /** In the initramfs itself. */
  | { readonly type: 'file'; readonly path: string }
  /** On the device that `root=` names; without it on the first that has these bytes. */
  | { readonly type: 'device'; readonly identity: { readonly offset: number; readonly bytes: Uint8Array } | undefined }

export type RootFileSystem = 'squashfs' | 'erofs' | 'iso9660'

const MODULES: Readonly<Record<RootFileSystem, string>> = { squashfs: 'squashfs', erofs: 'erofs', iso9660: 'isofs' }

/**
 * The initramfs that finds a root, loads the modules which that takes, mounts it and goes on with its init: `/init` of the tree itself, and
 * of its modules those of disks and file systems.
 * @param parts of the tree
 */
export function rootMountPart(parts: readonly Part[], fileSystem: RootFileSystem, place: RootPlace): Part {
  const kernel = parts.filter(({ location }) => location === 'kernel')
  const init = parts.filter(({ location }) => location.startsWith('init['))
  const description = describe(fileSystem, place)
  return newPart({
    location: 'root mount',
    source: `initramfs for a root on ${fileSystem}`,
    inputs: { rootMount: description, parts: [...kernel, ...init].map(({ key }) => key) },
    async *entries(signal) {
      yield entry({ path: 'root-mount', type: 'file', content: textContent(description) })
      yield* initProgram(init, signal)
      for (const part of kernel) yield* modules(part, moduleNames(fileSystem, place), place.type === 'device', signal)
    },
  })
}

function moduleNames(fileSystem: RootFileSystem, place: RootPlace): readonly string[] {
  return [MODULES[fileSystem], ...(place.type === 'file' ? ['loop'] : [])]
}

function describe(fileSystem: RootFileSystem, place: RootPlace): string {
  const lines = [`type ${fileSystem}`, ...moduleNames(fileSystem, place).map((name) => `module ${name}`)]
  if (place.type === 'file') lines.push(`file /${place.path}`)
  else if (place.identity !== undefined) {
    lines.push(`identity ${place.identity.offset} ${Buffer.from(place.identity.bytes).toString('hex')}`)
  }
  return `${lines.join('\n')}\n`
}

/** `/init` of the last image that brings one, as unpacking them one over another would leave it. */
async function* initProgram(parts: readonly Part[], signal: AbortSignal): AsyncIterable<Entry> {
  for (const part of parts.toReversed()) {
    for await (const one of part.entries(signal)) {
      if (one.path !== 'init' || one.type !== 'file') continue
      yield one
      return
    }
  }
  throw new LinuxkitError('build/no-init', 'no image of the section "init" has a program /init, which would mount the root', {
    hint: 'add the package "init" to the section "init"',
  })
}

async function* modules(part: Part, names: readonly string[], withStorage: boolean, signal: AbortSignal): AsyncIterable<Entry> {
  const index = await readModuleIndex(part.entries(signal))
  if (index === undefined) return
  const { release, files, indexes } = chooseModules(index, names, withStorage)
  const root = `lib/modules/${release}`
  yield* directories(root)
  for (const [name, text] of Object.entries(indexes)) yield entry({ path: `${root}/${name}`, type: 'file', content: textContent(text) })
  for await (const one of part.entries(signal)) {
    const found = modulePath(one.path)
    if (found?.release === release && files.has(found.file) && one.type === 'file') yield { ...one, path: `${root}/${found.file}` }
  }
}
