import { z } from 'zod'

/** Text of which the empty one means that the key is not there. */
export const text = z
  .string()
  .transform((value) => (value === '' ? undefined : value))
  .optional()

export const strings = z.array(z.string())

/** A list of which the empty one means that the key is not there. */
export function listOf<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .transform((items) => (items.length === 0 ? undefined : items))
    .optional()
}

/** A signed or unsigned integer of 64 bits; JavaScript's numbers hold 53 of them. */
export const integer64 = z.union([z.int(), z.bigint()])

/** Text by name, in the order of the names. */
export const textMap = z
  .record(z.string(), z.string())
  .transform((map) => Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))))
  .optional()
