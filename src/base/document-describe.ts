import type { GenericSchema } from 'valibot'
import type { DocumentPath } from './document.js'

/** The members of valibot's schemas that say what a schema is made of; each kind of schema has some of them. */
interface Definition {
  readonly type: string
  readonly wrapped?: GenericSchema
  readonly entries?: Readonly<Record<string, GenericSchema>>
  readonly item?: GenericSchema
  readonly value?: GenericSchema
  readonly options?: readonly unknown[]
  readonly literal?: unknown
  readonly pipe?: readonly { readonly type: string }[]
}

/** The schema inside optional, nullish and other wrappers that do not show in a yml. */
function definition(schema: GenericSchema): Definition {
  const found = schema as unknown as Definition
  return found.wrapped === undefined ? found : definition(found.wrapped)
}

/** The schema of the value at a path; undefined where the schema does not go so deep. */
export function schemaAt(schema: GenericSchema, path: DocumentPath): GenericSchema | undefined {
  let current: GenericSchema | undefined = schema
  for (const step of path) {
    if (current === undefined) return undefined
    const { entries, item, type, value } = definition(current)
    if (entries !== undefined) current = own(entries, String(step))
    else if (item !== undefined) current = item
    else current = type === 'record' ? value : undefined
  }
  return current
}

/** Paths at which a value has an array where the schema wants a mapping: valibot takes an array for an object without keys. */
export function* misplacedArrays(schema: GenericSchema, value: unknown, path: DocumentPath = []): Iterable<DocumentPath> {
  const { entries, item, options, type, value: recordValue } = definition(schema)
  if (Array.isArray(value)) {
    if (item !== undefined) for (const [index, one] of value.entries()) yield* misplacedArrays(item, one, [...path, index])
    else if (entries !== undefined || recordValue !== undefined) yield path
    else if (type === 'union' && options?.some((option) => definition(option as GenericSchema).entries !== undefined) === true) yield path
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) {
      const inner = own(entries ?? {}, key) ?? recordValue
      if (inner !== undefined) yield* misplacedArrays(inner, one, [...path, key])
    }
  }
}

/** A member of the object itself: a yml may have a key such as `constructor`, which every object inherits. */
function own<T>(object: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** The keys that a mapping may have. */
export function keysOf(schema: GenericSchema | undefined): readonly string[] {
  return schema === undefined ? [] : Object.keys(definition(schema).entries ?? {})
}

const NAMES: Readonly<Record<string, readonly [one: string, several: string]>> = {
  string: ['a string', 'strings'],
  number: ['a number', 'numbers'],
  integer: ['an integer', 'integers'],
  bigint: ['an integer', 'integers'],
  boolean: ['a boolean (true or false)', 'booleans'],
  strict_object: ['an object (key: value)', 'objects'],
  record: ['an object (key: value)', 'objects'],
}

/** What a schema accepts, in words: `an array of strings`, `a string or an integer`. */
export function describeSchema(schema: GenericSchema | undefined, several = false): string {
  if (schema === undefined) return 'something else'
  const { type, item, options = [], literal, pipe = [] } = definition(schema)
  if (item !== undefined) return `${several ? 'arrays' : 'an array'} of ${describeSchema(item, true)}`
  if (type === 'union') return [...new Set(options.map((option) => describeSchema(option as GenericSchema, several)))].join(' or ')
  if (type === 'picklist') return options.map((value) => JSON.stringify(value)).join(' or ')
  if (type === 'literal') return JSON.stringify(literal)
  const name = pipe.some((action) => action.type === 'integer') ? 'integer' : type
  return NAMES[name]?.[several ? 1 : 0] ?? name
}

/** A value in words: `the number 5`, `an array`, `nothing`. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return `the string ${JSON.stringify(value.length > 60 ? `${value.slice(0, 59)}…` : value)}`
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${value}`
  return JSON.stringify(value)
}
