import { array, bigint, description, integer, number, optional, pipe, record, string, transform, union, type GenericSchema } from 'valibot'

/** A field with the words that editors show for it. */
export function described<Schema extends GenericSchema>(schema: Schema, words: string) {
  return pipe(schema, description(words))
}

/** Text of which the empty one means that the key is not there. */
export const text = optional(
  pipe(
    string(),
    transform((value) => (value === '' ? undefined : value)),
  ),
)

export const strings = array(string())

/** A list of which the empty one means that the key is not there. */
export function listOf<Input, Output>(item: GenericSchema<Input, Output>) {
  return optional(
    pipe(
      array(item),
      transform((items) => (items.length === 0 ? undefined : items)),
    ),
  )
}

export const int = pipe(number(), integer())

/** A signed or unsigned integer of 64 bits; JavaScript's numbers hold 53 of them. */
export const integer64 = union([int, bigint()])

/** Text by name, in the order of the names. */
export const textMap = optional(
  pipe(
    record(string(), string()),
    transform((map) => Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))),
  ),
)
