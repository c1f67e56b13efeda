import { safeParse, type BaseIssue, type GenericSchema } from 'valibot'
import { oneOrAll, type Document, type DocumentPath } from './document.js'
import { describeSchema, describeValue, keysOf, misplacedArrays, schemaAt } from './document-describe.js'
import { LinuxkitError } from './errors.js'
import { nearest } from './nearest.js'

/**
 * Checks a document against a schema.
 * @throws {LinuxkitError} with the place, `config/unknown-key`, `config/missing-key`, `config/wrong-type` or `config/invalid`;
 * a LinuxkitErrors when there are several problems
 */
export function validate<T>(document: Document, schema: GenericSchema<unknown, T>): T {
  const arrays = [...misplacedArrays(schema, document.value)].map((path) => wrongType(document, schema, path))
  if (arrays.length > 0) throw oneOrAll(arrays, document.file)
  const result = safeParse(schema, document.value)
  if (result.success) return result.output
  const errors = result.issues.flatMap((issue) => issueErrors(document, schema, issue))
  throw oneOrAll(errors, document.file)
}

/** A value as a schema reads it; undefined when it does not fit, and then {@link validate} tells why. */
export function valid<T>(value: unknown, schema: GenericSchema<unknown, T>): T | undefined {
  if ([...misplacedArrays(schema, value)].length > 0) return undefined
  const result = safeParse(schema, value)
  return result.success ? result.output : undefined
}

/** A path as users write it: `services[0].binds[1]`. */
export function formatPath(path: DocumentPath): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('')
}

function issueErrors(document: Document, schema: GenericSchema, issue: BaseIssue<unknown>): readonly LinuxkitError[] {
  const path = (issue.path ?? []).map((step) => step.key as string | number)
  const expected = schemaAt(schema, path)
  const value = valueAt(document.value, path)
  const key = path.at(-1)
  const parent = path.slice(0, -1)
  if (expected === undefined && key !== undefined) return unknownKeys(document, schema, parent)
  if (value === undefined && typeof key === 'string') return [missingKey(document, parent, key)]
  if (issue.kind === 'schema' || issue.type === 'integer') return [wrongType(document, schema, path)]
  return [new LinuxkitError('config/invalid', `${subject(path)}: ${issue.message}`, { where: document.place(path, 'value') })]
}

function wrongType(document: Document, schema: GenericSchema, path: DocumentPath): LinuxkitError {
  const expected = schemaAt(schema, path)
  const value = valueAt(document.value, path)
  const message = `${subject(path)}: expected ${describeSchema(expected)}, found ${describeValue(value)}`
  const hint = typeHint(document, path, expected, value)
  return new LinuxkitError('config/wrong-type', message, { where: document.place(path, 'value'), hint })
}

function subject(path: DocumentPath): string {
  return path.length === 0 ? 'the configuration' : formatPath(path)
}

/** Of the unknown keys of a mapping only the first is an issue of valibot's. */
function unknownKeys(document: Document, schema: GenericSchema, path: DocumentPath): readonly LinuxkitError[] {
  const known = keysOf(schemaAt(schema, path))
  const unknown = Object.keys(valueAt(document.value, path) as object).filter((key) => !known.includes(key))
  return unknown.map((key) => unknownKey(document, [...path, key], key, known))
}

/** More keys than this are no help in a message. */
const MAX_LISTED_KEYS = 12

function unknownKey(document: Document, path: DocumentPath, key: string, known: readonly string[]): LinuxkitError {
  const similar = nearest(key, known)
  const listed = known.length > MAX_LISTED_KEYS ? undefined : `the keys here are ${known.join(', ')}`
  return new LinuxkitError('config/unknown-key', `${formatPath(path)}: unknown key "${key}"`, {
    where: document.place(path, 'key'),
    hint: similar === undefined ? listed : `did you mean "${similar}"?`,
  })
}

function missingKey(document: Document, parent: DocumentPath, key: string): LinuxkitError {
  const prefix = parent.length === 0 ? '' : `${formatPath(parent)}: `
  return new LinuxkitError('config/missing-key', `${prefix}the required key "${key}" is missing`, {
    where: document.place(parent, 'value'),
  })
}

function valueAt(value: unknown, path: DocumentPath): unknown {
  return path.reduce<unknown>(
    (inner, step) => (typeof inner === 'object' && inner !== null ? (inner as Record<string | number, unknown>)[step] : undefined),
    value,
  )
}

function typeHint(document: Document, path: DocumentPath, expected: GenericSchema | undefined, value: unknown): string | undefined {
  const wanted = describeSchema(expected)
  if (value === null) return 'give the key a value or remove it'
  const written = document.source(path)
  if (wanted.startsWith('a string') && typeof value !== 'object' && written !== undefined) return `put it in quotes: "${written}"`
  if (wanted.startsWith('a boolean') && typeof value === 'string') return 'write true or false, without quotes'
  if (wanted.startsWith('an array of strings') && typeof value === 'string') return `write it as an array: ["${value}"]`
  return undefined
}
