import { LinuxkitError } from '../base/errors.js'
import { bytesContent, readContent, textContent } from '../base/content.js'
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

/** What tells `/init` of such an initramfs that it is one, and where the root is. */
const DESCRIPTION = 'root-mount'

/**
 * The initramfs that finds a root, loads the modules which that takes, mounts it and goes on with its init: `/init` of the tree itself, and
 * of its modules those of disks and file systems. What depends on the root itself is a part of its own, for the other one takes a while to gather.
 * @param parts of the tree
 */
export function rootMountParts(parts: readonly Part[], fileSystem: RootFileSystem, place: RootPlace): readonly Part[] {
  const kernel = parts.filter(({ location }) => location === 'kernel')
  const init = parts.filter(({ location }) => location.startsWith('init['))
  const names = moduleNames(fileSystem, place)
  const description = describe(fileSystem, place)
  const source = `initramfs for a root on ${fileSystem}`
  return [
    newPart({
      location: 'root place',
      source,
      inputs: { rootPlace: description },
      small: true,
      async *entries() {
        yield entry({ path: DESCRIPTION, type: 'file', content: textContent(description) })
      },
    }),
    newPart({
      location: 'root mount',
      source,
      inputs: { rootMount: names, from: place.type, parts: [...kernel, ...init].map(({ key }) => key) },
      async *entries(signal) {
        yield* initProgram(init, signal)
        for (const part of kernel) yield* modules(part, names, place.type === 'device', signal)
      },
    }),
  ]
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

/** Far beyond any `/init`. */
const LARGEST_INIT = 64 << 20

/** `/init` of the last image that brings one, as unpacking them one over another would leave it. It has to be one that looks for the description. */
async function* initProgram(parts: readonly Part[], signal: AbortSignal): AsyncIterable<Entry> {
  for (const part of parts.toReversed()) {
    for await (const one of part.entries(signal)) {
      if (one.path !== 'init' || one.type !== 'file') continue
      if (one.content.size > LARGEST_INIT) break
      const program = await readContent(one.content)
      if (!program.includes(`/${DESCRIPTION}`)) break
      yield { ...one, content: bytesContent(program) }
      return
    }
  }
  throw new LinuxkitError('build/no-init', 'no image of the section "init" has a program /init that can mount a root', {
    hint: 'use the package "init" of this version of linuxkit in the section "init"',
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
