import {
  array,
  boolean,
  check,
  integer,
  maxValue,
  minValue,
  nullable,
  nullish,
  number,
  optional,
  picklist,
  pipe,
  regex,
  string,
  transform,
  union,
  type GenericSchema,
} from 'valibot'
import { cleanPath } from '../archive/path.js'
import { ARCHES } from '../base/arch.js'

// In a build.yml a key without a value keeps the default, except that a list becomes empty; this is how LinuxKit reads it.

export function text(fallback: string) {
  return nullish(string(), fallback)
}

export function list<Input, Output>(item: GenericSchema<Input, Output>, fallback: readonly Input[] = []) {
  return optional(
    pipe(
      nullable(array(item)),
      transform((items): readonly Output[] => items ?? []),
    ),
    (): Input[] => [...fallback],
  )
}

/** A section that may be absent, or there without anything in it. */
export function section<Input, Output>(schema: GenericSchema<Input, Output>) {
  return optional(
    pipe(
      nullable(schema),
      transform((value): Output | undefined => value ?? undefined),
    ),
  )
}

const WORDS = { yes: true, on: true, no: false, off: false } as const

/** A truth value, also in the words of YAML 1.1. */
export function flag(fallback: boolean) {
  return nullish(
    pipe(
      union([boolean(), picklist(['yes', 'on', 'no', 'off'])]),
      transform((value) => (typeof value === 'string' ? WORDS[value] : value)),
    ),
    fallback,
  )
}

/** A path in the image, made relative to its root. */
export const imagePath = pipe(
  string(),
  check((path) => !path.split('/').includes('..'), 'a path in the image has no ".."'),
  check((path) => path.split('/').includes('..') || cleanPath(path) !== '', 'expected a path below the root'),
  transform(cleanPath),
)

/** Numbers of users and groups. */
export const id = pipe(number(), integer(), minValue(0))

/** Permission bits: a number, or octal digits in quotes. */
export const permissions = pipe(
  union([
    pipe(number(), integer(), minValue(0), maxValue(0o7777)),
    pipe(string(), regex(/^[0-7]{1,5}$/, 'expected octal digits, like "0644"')),
  ]),
  transform((mode) => (typeof mode === 'string' ? Number.parseInt(mode, 8) & 0o7777 : mode)),
)

/** Restricts an entry to some architectures; without it, it is for all. */
export const arches = optional(array(picklist(ARCHES)))

export const globs = list(string())
