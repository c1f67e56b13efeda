import { availableParallelism } from 'node:os'
import { EMPTY } from '../base/content.js'
import { inParallel } from '../base/parallel.js'
import type { Progress } from '../base/progress.js'
import { entry, type Entry } from '../archive/entry.js'
import { buildTree, type TreeNode } from '../archive/tree.js'
import { Spool } from '../pkg/spool.js'
import { BOOT_FILES, type BootFiles } from './initrd-encoder.js'
import type { Part } from './part.js'

export interface SpoolOptions {
  /** On a disk with room for the tree, in which a directory is made for it. */
  readonly directory: string
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** A tree whose contents can be read at any time and in any order, while this lives. */
export interface SpooledTree extends AsyncDisposable {
  readonly tree: TreeNode
}

/** A tree, and apart from it what a boot loader takes. */
export interface SplitTree extends BootFiles {
  /** Without what is in `boot/`; the directory itself stays, as LinuxKit has it. */
  readonly tree: TreeNode
}

const NO_PAX: Entry['pax'] = entry({ path: '', type: 'file' }).pax

/**
 * The tree that the parts make when they are unpacked one over another. Each part is read once, several at a time, and contents go to files on
 * disk, one for each part. PAX records, which only a tar keeps, are left out.
 * @throws {LinuxkitError} from reading the parts, and those of {@link buildTree}
 */
export async function spoolTree(parts: readonly Part[], { directory, progress, signal: caller }: SpoolOptions): Promise<SpooledTree> {
  const failure = new AbortController()
  const signal = AbortSignal.any([caller, failure.signal])
  const spools: Spool[] = []
  const dispose = async (): Promise<void> => {
    for (const spool of spools) await spool[Symbol.asyncDispose]()
  }

  const spoolOne = async (part: Part): Promise<readonly Entry[]> => {
    signal.throwIfAborted()
    const id = `tree ${part.location}`
    progress({ type: 'start', id, title: `${part.location} ${part.source}` })
    const spool = await Spool.create(directory)
    spools.push(spool)
    const entries: Entry[] = []
    let done = 0
    for await (const one of part.entries(signal)) {
      const content = one.type === 'file' && one.content.size > 0 ? await spool.add(one.content.open()) : EMPTY
      entries.push({ ...one, content, pax: NO_PAX })
      done += content.size
      progress({ type: 'advance', id, done })
    }
    progress({ type: 'finish', id })
    return entries
  }

  try {
    const entries = await inParallel(parts, availableParallelism() + 1, spoolOne, (error) => failure.abort(error))
    return { tree: buildTree(entries.flat()), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Takes out of a tree what a boot loader takes, for a file system that is mounted when the kernel runs already. */
export function splitBoot(tree: TreeNode): SplitTree {
  const boot = tree.children?.find(({ name }) => name === 'boot')
  const files: { -readonly [name in keyof BootFiles]: BootFiles[name] } = { kernel: EMPTY, cmdline: EMPTY, ucode: EMPTY }
  for (const { name, entry: object } of boot?.children ?? []) {
    const file = BOOT_FILES.get(`boot/${name}`)
    if (file !== undefined) files[file] = object.content
  }
  const children = tree.children?.map((child) => (child === boot && child.children !== undefined ? { ...child, children: [] } : child))
  return { ...files, tree: { ...tree, children } }
}
