import type { z } from 'zod'
import type { DocumentPath } from './document.js'

type Definition = z.core.$ZodTypes['_zod']['def']

function definition(schema: z.core.$ZodType): Definition {
  return (schema as z.core.$ZodTypes)._zod.def
}

/** The schema inside optional, default, transform and other wrappers that do not show in a yml. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = definition(schema)
  if ('innerType' in inner) return unwrap(inner.innerType)
  if (inner.type === 'pipe') return unwrap(inner.in)
  if (inner.type === 'lazy') return unwrap(inner.getter())
  return schema
}

/** The schema of the value at a path; undefined where the schema does not go so deep. */
export function schemaAt(schema: z.core.$ZodType, path: DocumentPath): z.ZodType | undefined {
  let current: z.core.$ZodType | undefined = schema
  for (const step of path) {
    const inner = definition(unwrap(current))
    if (inner.type === 'object') current = inner.shape[step]
    else if (inner.type === 'array') current = inner.element
    else if (inner.type === 'record') current = inner.valueType
    else return undefined
    if (current === undefined) return undefined
  }
  return current as z.ZodType
}

/** The keys that a mapping may have. */
export function keysOf(schema: z.core.$ZodType | undefined): readonly string[] {
  if (schema === undefined) return []
  const inner = definition(unwrap(schema))
  return inner.type === 'object' ? Object.keys(inner.shape) : []
}

const NAMES: Readonly<Record<string, readonly [one: string, several: string]>> = {
  string: ['a string', 'strings'],
  number: ['a number', 'numbers'],
  int: ['an integer', 'integers'],
  bigint: ['an integer', 'integers'],
  boolean: ['a boolean (true or false)', 'booleans'],
  object: ['an object (key: value)', 'objects'],
  record: ['an object (key: value)', 'objects'],
}

/** What a schema accepts, in words: `an array of strings`, `a string or an integer`. */
export function describeSchema(schema: z.core.$ZodType | undefined, several = false): string {
  if (schema === undefined) return 'something else'
  const inner = definition(unwrap(schema))
  if (inner.type === 'array') return `${several ? 'arrays' : 'an array'} of ${describeSchema(inner.element, true)}`
  if (inner.type === 'union') return [...new Set(inner.options.map((option) => describeSchema(option, several)))].join(' or ')
  if (inner.type === 'enum')
    return Object.values(inner.entries)
      .map((value) => JSON.stringify(value))
      .join(' or ')
  if (inner.type === 'literal') return inner.values.map((value) => JSON.stringify(value)).join(' or ')
  const name = inner.type === 'number' && 'format' in inner ? 'int' : inner.type
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
