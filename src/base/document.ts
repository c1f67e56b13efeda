import { Composer, isScalar, Parser, visit, type CST, type Document as YamlDocument, type YAMLError } from 'yaml'
import { YAML_OPTIONS } from './document-scalars.js'
import { findNode, ranged, type DocumentPath, type PathPart } from './document-nodes.js'
import { LinuxkitError, LinuxkitErrors, type Place } from './errors.js'

export type { DocumentPath } from './document-nodes.js'

/** A parsed yml (or JSON) text that knows where each of its keys and values stands. */
export interface Document {
  readonly file: string
  /** Plain data: mappings are objects, sequences arrays, integers too large for a number are bigints. */
  readonly value: unknown
  /** Where the key or the value at a path stands; what is not there is shown by the nearest thing around it. */
  place(path: DocumentPath, part: PathPart): Place
  /** The value at a path as it is written, for messages that repeat it; undefined for what is not there. */
  source(path: DocumentPath): string | undefined
}

/** Aliases beyond this many nodes are an attack (each level of nested aliases multiplies), not a configuration. */
const MAX_ALIASES = 1000

const MAX_DEPTH = 100

/**
 * Parses the first document of a yml text; what follows it is not looked at.
 * @param file the name that messages use
 * @throws {LinuxkitError} `config/empty` when the text has no document, `config/syntax` with the place
 */
export function parseDocument(text: string, file: string): Document {
  const source = text.startsWith('\u{feff}') ? text.slice(1) : text
  const place = placeAt(source, file)
  const yaml = firstDocument(source, file)
  if (yaml === undefined) {
    throw new LinuxkitError('config/empty', `${file} is empty`, {
      where: { file },
      hint: 'write {} for a configuration with nothing in it',
    })
  }
  const problems = [...yaml.errors.map((error) => syntaxError(error, place)), ...keyErrors(yaml, place)]
  if (problems[0] !== undefined) throw problems[0]
  return {
    file,
    value: plainValue(yaml, file),
    place: (path, part) => {
      const node = findNode(yaml, path, part)
      return node === undefined ? { file } : place(node.range[0])
    },
    source: (path) => {
      const node = findNode(yaml, path, 'exact')
      return node === undefined ? undefined : source.slice(node.range[0], node.range[1])
    },
  }
}

/** The error itself when there is one, else all of them in one, so that the user mends them in one go. */
export function oneOrAll(errors: readonly LinuxkitError[], file: string): LinuxkitError {
  const [first, second] = errors
  if (first !== undefined && second === undefined) return first
  return new LinuxkitErrors('config/invalid', `${file} has ${errors.length} problems`, errors)
}

function firstDocument(text: string, file: string): YamlDocument.Parsed | undefined {
  for (const document of new Composer(YAML_OPTIONS).compose(shallow(new Parser().parse(text), file))) return document
  return undefined
}

/** Passes tokens through and refuses absurd nesting: the composer calls itself for each level and would take the process down. */
function* shallow(tokens: Iterable<CST.Token>, file: string): Generator<CST.Token> {
  for (const token of tokens) {
    const waiting: { readonly token: CST.Token; readonly depth: number }[] = [{ token, depth: 0 }]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (next.depth > MAX_DEPTH) throw new LinuxkitError('config/syntax', `${file} is nested too deeply`, { where: { file } })
      const depth = next.depth + 1
      if ('items' in next.token) {
        for (const { key, value } of next.token.items) {
          if (key) waiting.push({ token: key, depth })
          if (value) waiting.push({ token: value, depth })
        }
      }
      if (next.token.type === 'document' && next.token.value) waiting.push({ token: next.token.value, depth })
    }
    yield token
  }
}

function plainValue(yaml: YamlDocument.Parsed, file: string): unknown {
  try {
    return yaml.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (cause) {
    // The library limits aliases, and finds out only here that a merge key does not name an object.
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LinuxkitError('config/aliases', `${file} has aliases or merge keys that cannot be expanded: ${reason}`, {
      where: { file },
      cause,
    })
  }
}

/** Turns an offset into line, column and the text of the line. */
function placeAt(text: string, file: string): (offset: number) => Place {
  return (offset) => {
    const before = text.slice(0, offset)
    const start = before.lastIndexOf('\n') + 1
    const end = text.indexOf('\n', offset)
    return {
      file,
      line: before.split('\n').length,
      column: offset - start + 1,
      text: text.slice(start, end === -1 ? text.length : end).replace(/\r$/, ''),
    }
  }
}

const HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  BAD_INDENT: 'entries of one list or mapping stand in the same column',
  BLOCK_AS_IMPLICIT_KEY: 'put the value in quotes when it contains ": "',
  MULTILINE_IMPLICIT_KEY: 'a key must be followed by ":" on the same line',
  UNEXPECTED_TOKEN: 'put the value in quotes when it begins with or contains characters that yml gives a meaning to',
  BAD_SCALAR_START: 'put the value in quotes',
}

function syntaxError(error: YAMLError, place: (offset: number) => Place): LinuxkitError {
  const where = place(error.pos[0])
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^[^:\s]+/.exec(where.text?.slice((where.column ?? 1) - 1) ?? '')?.[0]
    return new LinuxkitError('config/duplicate-key', `the key ${key} stands twice in one object`, { where, hint: 'remove one of them' })
  }
  return new LinuxkitError('config/syntax', `not valid yaml: ${error.message}`, { where, hint: HINTS[error.code] })
}

/** Keys are text everywhere in our files; a number or a list as a key is a mistake that would otherwise be turned into text silently. */
function keyErrors(yaml: YamlDocument.Parsed, place: (offset: number) => Place): LinuxkitError[] {
  const errors: LinuxkitError[] = []
  visit(yaml, {
    Pair(_, { key }) {
      if (isScalar(key) && (typeof key.value === 'string' || typeof key.value === 'symbol')) return
      const where = place(ranged(key)?.range[0] ?? 0)
      errors.push(new LinuxkitError('config/key-type', 'a key must be text', { where, hint: 'put the key in quotes' }))
    },
  })
  return errors
}
