import { isAlias, isMap, isPair, isScalar, isSeq, type Document, type Node, type Pair, type YAMLMap } from 'yaml'

/** Keys of mappings and indices of sequences, from the root inwards. */
export type DocumentPath = readonly (string | number)[]
export type PathPart = 'key' | 'value'

type Ranged = Node & { readonly range: readonly [number, number, number] }

/** The node itself when it has a place in the text. */
export function ranged(node: unknown): Ranged | undefined {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range) ? (node as Ranged) : undefined
}

/**
 * The node of a key or a value, found through aliases and merge keys.
 * Where the path leads nowhere, the nearest node on the way; with `exact`, the value or nothing.
 */
export function findNode(document: Document.Parsed, path: DocumentPath, part: PathPart | 'exact'): Ranged | undefined {
  let value: unknown = document.contents
  let found = ranged(value)
  for (const [depth, step] of path.entries()) {
    const target = isAlias(value) ? value.resolve(document) : value
    const child = isMap(target) ? pairOf(document, target, String(step)) : isSeq(target) ? target.items[Number(step)] : undefined
    if (child === undefined) return part === 'exact' ? undefined : found
    value = isPair(child) ? child.value : child
    const key = isPair(child) ? ranged(child.key) : undefined
    const last = depth === path.length - 1
    const self = isWritten(value) ? ranged(value) : undefined
    // On the way and for keys the key shows best where we are; a value that is left out has no node of its own.
    found = (last && part !== 'key' ? self : undefined) ?? key ?? ranged(value) ?? found
    if (last && part === 'exact') return self
  }
  return found
}

/** False for the null that stands for a value left out (`key:`). */
function isWritten(value: unknown): boolean {
  return !(isScalar(value) && value.value === null && value.source === '')
}

function pairOf(document: Document.Parsed, map: YAMLMap, key: string): Pair | undefined {
  const own = map.items.find((pair) => isScalar(pair.key) && pair.key.value === key)
  if (own !== undefined) return own
  for (const pair of map.items) {
    if (!isScalar(pair.key) || pair.key.source !== '<<') continue
    const sources = isSeq(pair.value) ? pair.value.items : [pair.value]
    for (const source of sources) {
      const merged = isAlias(source) ? source.resolve(document) : source
      const inherited = isMap(merged) ? pairOf(document, merged, key) : undefined
      if (inherited !== undefined) return inherited
    }
  }
  return undefined
}
