import { z } from 'zod'
import { cleanPath } from '../archive/path.js'
import { ARCHES } from '../base/arch.js'

// In a build.yml a key without a value keeps the default, except that a list becomes empty; this is how LinuxKit reads it.

export function text(fallback: string) {
  return z
    .string()
    .nullish()
    .transform((value) => value ?? fallback)
}

export function list<T extends z.ZodType>(item: T, fallback: readonly z.output<T>[] = []) {
  return z
    .array(item)
    .nullish()
    .transform((items): readonly z.output<T>[] => (items === undefined ? fallback : (items ?? [])))
}

const WORDS = { yes: true, on: true, no: false, off: false } as const

/** A truth value, also in the words of YAML 1.1. */
export function flag(fallback: boolean) {
  return z
    .union([z.boolean(), z.enum(['yes', 'on', 'no', 'off'])])
    .nullish()
    .transform((value) => (typeof value === 'string' ? WORDS[value] : (value ?? fallback)))
}

/** A path in the image, made relative to its root. */
export const imagePath = z.string().transform((path, context) => {
  const outside = path.split('/').includes('..')
  const clean = outside ? '' : cleanPath(path)
  if (clean !== '') return clean
  context.addIssue({ code: 'custom', message: outside ? 'a path in the image has no ".."' : 'expected a path below the root' })
  return z.NEVER
})

/** Permission bits: a number, or octal digits in quotes. */
export const permissions = z
  .union([z.int().min(0).max(0o7777), z.string().regex(/^[0-7]{1,5}$/, 'expected octal digits, like "0644"')])
  .transform((mode) => (typeof mode === 'string' ? Number.parseInt(mode, 8) & 0o7777 : mode))

/** Restricts an entry to some architectures; without it, it is for all. */
export const arches = z.array(z.enum(ARCHES)).optional()

export const globs = list(z.string())
