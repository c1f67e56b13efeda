import type { TreeNode } from '../archive/tree.js'

/** A member of a directory under the name that one of the directory hierarchies has for it. */
export interface Member {
  readonly node: TreeNode
  readonly identifier: Buffer
}

/** A name in two halves, which are compared one after the other (ECMA-119, 9.3). */
interface Name {
  readonly stem: string
  readonly extension: string
}

/** What a hierarchy makes of names. */
interface Rules {
  /** The name with what the hierarchy does not allow replaced, cut to its limit. */
  name(node: TreeNode): Name
  /** The name with a number at the end of its stem, still within the limit. */
  numbered(name: Name, number: number): Name
  encode(name: Name, node: TreeNode): Buffer
}

/** ECMA-119, 10.2: 31 characters, of which a file's full stop is one. */
const PRIMARY_LIMIT = 31
const EXTENSION_LIMIT = 8

/** Names of the primary hierarchy: upper case, digits and `_` (ECMA-119, 7.5 and 7.6). Files have an extension, be it empty, and version 1. */
const PRIMARY: Rules = {
  name(node) {
    const { stem, extension } = split(node)
    const kept = plain(extension).slice(0, EXTENSION_LIMIT)
    return { stem: plain(stem).slice(0, stemLimit(kept)), extension: kept }
  },
  numbered: ({ stem, extension }, number) => ({ stem: withNumber(stem, number, stemLimit(extension)), extension }),
  encode: ({ stem, extension }, node) => Buffer.from(node.children === undefined ? `${stem}.${extension};1` : stem, 'latin1'),
}

/** A Joliet name has 64 characters at most (Joliet Specification, "Joliet Directory Hierarchy"), here without the version. */
const JOLIET_LIMIT = 62

/** Names of the Joliet hierarchy: UCS-2, big endian, without the characters that Windows gives a meaning to. */
const JOLIET: Rules = {
  name: ({ name }) => ({ stem: cut(name.replaceAll(/[\p{Cc}*/:;?\\]/gu, '_'), JOLIET_LIMIT), extension: '' }),
  numbered: ({ stem }, number) => ({ stem: cut(withNumber(stem, number, JOLIET_LIMIT), JOLIET_LIMIT), extension: '' }),
  encode: ({ stem }, node) => Buffer.from(node.children === undefined ? `${stem};1` : stem, 'utf16le').swap16(),
}

/** What is in a directory, in the order of the primary hierarchy. Names that boot loaders look up (`isolinux.cfg`, `kernel`) keep their spelling, in upper case. */
export function primaryMembers(children: readonly TreeNode[]): readonly Member[] {
  return members(children, PRIMARY)
}

/** What the Joliet hierarchy shows of a directory, in its order: files and directories, for it knows nothing else. */
export function jolietMembers(children: readonly TreeNode[]): readonly Member[] {
  return members(
    children.filter(({ entry }) => entry.type === 'file' || entry.type === 'directory'),
    JOLIET,
  )
}

function members(children: readonly TreeNode[], rules: Rules): readonly Member[] {
  const taken = new Set<string>()
  const numbers = new Map<string, number>()
  const unique = (wanted: Name): Name => {
    const first = key(wanted)
    let name = wanted
    let number = numbers.get(first) ?? 0
    while (taken.has(key(name))) name = rules.numbered(wanted, number++)
    numbers.set(first, number)
    taken.add(key(name))
    return name
  }
  const named = children.map((node) => ({ node, name: rules.name(node) }))
  // Who keeps the spelling comes first, so that a "Kernel" does not take the name of "kernel".
  const kept = named.filter(({ node, name }) => isKept(node, name))
  const others = named.filter(({ node, name }) => !isKept(node, name))
  return [...kept, ...others]
    .map(({ node, name }) => ({ node, name: unique(name) }))
    .sort((a, b) => compare(a.name, b.name))
    .map(({ node, name }) => ({ node, identifier: rules.encode(name, node) }))
}

function key({ stem, extension }: Name): string {
  return `${stem}.${extension}`
}

function isKept(node: TreeNode, { stem, extension }: Name): boolean {
  const spelled = extension === '' ? stem : `${stem}.${extension}`
  return spelled === node.name || spelled.toLowerCase() === node.name
}

/** By UTF-16 units, which are the bytes of either encoding, stem before extension: as if the shorter one were filled up with spaces. */
function compare(a: Name, b: Name): number {
  if (a.stem !== b.stem) return a.stem < b.stem ? -1 : 1
  return a.extension < b.extension ? -1 : 1
}

/** Only files have extensions (ECMA-119, 7.5 and 7.6). */
function split({ name, children }: TreeNode): Name {
  const stop = children === undefined ? name.lastIndexOf('.') : -1
  return stop < 0 ? { stem: name, extension: '' } : { stem: name.slice(0, stop), extension: name.slice(stop + 1) }
}

function plain(text: string): string {
  return text.replaceAll(/[a-z]+/gu, (letters) => letters.toUpperCase()).replaceAll(/[^A-Z0-9_]/gu, '_')
}

function stemLimit(extension: string): number {
  return PRIMARY_LIMIT - 1 - extension.length
}

function withNumber(stem: string, number: number, limit: number): string {
  const digits = String(number).padStart(3, '0')
  return `${stem.slice(0, limit - digits.length)}${digits}`
}

/** Cuts text without leaving half of a pair of surrogates. */
function cut(text: string, limit: number): string {
  return text.slice(0, limit).replace(/[\uD800-\uDBFF]$/u, '')
}
