import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { EMPTY, openFileContent, type Content } from '../base/content.js'
import { digestOf, type Digest } from '../base/digest.js'
import { entry, type Entry, type EntryType, type Timestamp } from '../archive/entry.js'
import { buildTree, walk, type TreeNode } from '../archive/tree.js'
import type { Encoder } from './encoder.js'
import { BOOT_FILES, type BootFiles } from './initrd-encoder.js'

/** A tree whose contents can be read in any order as long as it lives, and apart from it what a boot loader takes. */
export interface SplitTree extends BootFiles, AsyncDisposable {
  /** Without what is in `boot/`; the directory itself stays, as LinuxKit has it. */
  readonly tree: TreeNode
  /** The directory `boot/` as it was. */
  readonly boot: TreeNode | undefined
  /** Stands for all that is in the tree. */
  readonly identity: Digest
}

/** An entry as JSON; what is as usual is left out. */
interface EntryFacts {
  readonly path: string
  readonly type: EntryType
  readonly mode: number
  readonly owner?: readonly [uid: number, gid: number]
  readonly mtime: Timestamp
  readonly link?: string
  readonly device?: Entry['device']
  readonly xattrs?: readonly (readonly [name: string, base64: string])[]
  /** Where in the fragment the content begins, how long it is, and its SHA-256. */
  readonly content?: readonly [start: number, size: number, sha256: string]
}

/**
 * The tree that the parts make when they are unpacked one over another, for file systems, which want contents in an order of their own: a fragment is
 * the contents of a part's files. PAX records, which only a tar keeps, are left out.
 * @throws {LinuxkitError} when joining: those of {@link buildTree}
 */
export const treeEncoder: Encoder<readonly EntryFacts[], SplitTree> = {
  id: 'tree',
  kept: true,
  tellsLine: false,
  encode(part, { signal }) {
    const facts: EntryFacts[] = []
    async function* contents(): AsyncIterable<Uint8Array> {
      let end = 0
      for await (const one of part.entries(signal)) {
        const start = end
        const hash = createHash('sha256')
        if (one.type === 'file') {
          for await (const chunk of one.content.open()) {
            hash.update(chunk)
            end += chunk.length
            yield chunk
          }
        }
        facts.push(factsOf(one, end > start ? [start, end - start, hash.digest('hex')] : undefined))
      }
    }
    return { bytes: contents(), facts: () => facts }
  },
  async join(fragments) {
    const files: FileHandle[] = []
    const dispose = async (): Promise<void> => {
      for (const file of files) await file.close()
    }
    try {
      const digests = new Map<Content, string>()
      const entries: Entry[] = []
      for (const { content, path, facts } of fragments) {
        if (path === undefined) entries.push(...entriesOf(facts, (start, size) => slice(content, start, size), digests))
        else {
          const file = await open(path, 'r')
          files.push(file)
          entries.push(...entriesOf(facts, (start, size) => openFileContent(file, path, start, size), digests))
        }
      }
      return { ...splitBoot(buildTree(entries), digests), [Symbol.asyncDispose]: dispose }
    } catch (error) {
      await dispose()
      throw error
    }
  },
}

function factsOf({ path, type, mode, uid, gid, mtime, link, device, xattrs }: Entry, content: EntryFacts['content']): EntryFacts {
  return {
    path,
    type,
    mode,
    mtime,
    ...(uid === 0 && gid === 0 ? {} : { owner: [uid, gid] as const }),
    ...(link === '' ? {} : { link }),
    ...(type === 'character' || type === 'block' ? { device } : {}),
    ...(xattrs.size === 0 ? {} : { xattrs: [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')] as const) }),
    ...(content === undefined ? {} : { content }),
  }
}

function* entriesOf(
  facts: readonly EntryFacts[],
  contentAt: (start: number, size: number) => Content,
  digests: Map<Content, string>,
): Iterable<Entry> {
  for (const { owner: [uid, gid] = [0, 0], xattrs, content, ...members } of facts) {
    const body = content === undefined ? EMPTY : contentAt(content[0], content[1])
    if (content !== undefined) digests.set(body, content[2])
    const attributes = xattrs && { xattrs: new Map(xattrs.map(([name, value]) => [name, Buffer.from(value, 'base64')])) }
    yield entry({ ...members, ...attributes, uid, gid, content: body })
  }
}

function slice(whole: Content, start: number, size: number): Content {
  return { size, open: (range = { start: 0, end: size }) => whole.open({ start: start + range.start, end: start + range.end }) }
}

/** Takes out of a tree what a boot loader takes, for a file system that is mounted when the kernel runs already. */
function splitBoot(whole: TreeNode, digests: ReadonlyMap<Content, string>): Omit<SplitTree, keyof AsyncDisposable> {
  const boot = whole.children?.find(({ name }) => name === 'boot')
  const files: { -readonly [name in keyof BootFiles]: BootFiles[name] } = { kernel: EMPTY, cmdline: EMPTY, ucode: EMPTY }
  for (const { name, entry: object } of boot?.children ?? []) {
    const file = BOOT_FILES.get(`boot/${name}`)
    if (file !== undefined) files[file] = object.content
  }
  const children = whole.children?.map((child) => (child === boot && child.children !== undefined ? { ...child, children: [] } : child))
  const tree = { ...whole, children }
  return { ...files, tree, boot, identity: identityOf(tree, digests) }
}

function identityOf(tree: TreeNode, digests: ReadonlyMap<Content, string>): Digest {
  const lines: string[] = []
  for (const { path, node } of walk(tree)) {
    const { type, mode, uid, gid, mtime, link, device, xattrs, content, path: inode } = node.entry
    lines.push(JSON.stringify([path, inode, type, mode, uid, gid, mtime, link, device, [...xattrs], digests.get(content) ?? '']))
  }
  return digestOf(lines.join('\n'))
}
