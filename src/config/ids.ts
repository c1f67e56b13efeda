import { LinuxkitError, type Place } from '../base/errors.js'
import { nearest } from '../base/nearest.js'
import { CONTAINER_SECTIONS, type Config } from './schema.js'

/** The numeric id of each container, by its name; users and groups may be written as such names. */
export type Ids = ReadonlyMap<string, number>

/** Ids below are customarily those of the system itself. */
const FIRST_ID = 100

/** Gives every container a number, counting through all sections; of containers with one name the last keeps it. */
export function allocateIds(config: Config): Ids {
  const names = CONTAINER_SECTIONS.flatMap((section) => config[section].map(({ name }) => name))
  return new Map(names.map((name, index) => [name, FIRST_ID + index]))
}

/**
 * The number of a user or group: a number is itself modulo 2^32 (so -1 is 4294967295), no value and `root` are 0, other texts are
 * names of containers.
 * @param field what the value was written as (`uid`), for messages
 * @throws {LinuxkitError} `config/unknown-id`
 */
export function resolveId(value: string | number | undefined, ids: Ids, field: string, placeOf?: () => Place | undefined): number {
  if (value === undefined || value === '' || value === 'root') return 0
  if (typeof value === 'number') return Number(BigInt.asUintN(32, BigInt(value)))
  const id = ids.get(value)
  if (id !== undefined) return id
  const similar = nearest(value, [...ids.keys()])
  throw new LinuxkitError('config/unknown-id', `${field}: there is no container "${value}" whose id could be used`, {
    where: placeOf?.(),
    hint: /^\d+$/.test(value)
      ? `write the number without quotes: ${value}`
      : similar === undefined
        ? undefined
        : `did you mean "${similar}"?`,
  })
}
