import { posix } from 'node:path'
import { LinuxkitError, type Place } from '../base/errors.js'
import { nearest } from '../base/nearest.js'
import type { ContainerMount } from '../image/container-config.js'
import type { Volume } from './schema.js'

/** Volumes by name. Of several with one name the last counts. */
export type Volumes = ReadonlyMap<string, Volume>

export function volumesByName(volumes: readonly Volume[]): Volumes {
  return new Map(volumes.map((volume) => [volume.name, volume]))
}

/** Where a volume is in the image, as containers see it. */
export function volumePath(name: string): string {
  return posix.join('/containers/volumes', name, 'merged')
}

/**
 * A bind `source:destination[:options]` with the path of the volume in place of its name.
 * @throws {LinuxkitError} `config/unknown-volume`, `config/volume-readonly`
 */
export function bindVolume(bind: string, volumes: Volumes, where: Place | undefined): string {
  const [source = '', destination, options, ...surplus] = bind.split(':')
  // What is not a bind at all is reported where binds are read.
  if (source.startsWith('/') || destination === undefined || surplus.length > 0) return bind
  const volume = find(source, volumes, where)
  if (volume.readonly === true && options?.split(',').includes('ro') !== true) throw writable(source, `${source}:${destination}:ro`, where)
  return [volumePath(source), destination, ...(options === undefined ? [] : [options])].join(':')
}

/** A bind mount with the path of the volume in place of its name; other mounts as they are. @throws {LinuxkitError} as bindVolume does */
export function mountVolume(mount: ContainerMount, volumes: Volumes, where: Place | undefined): ContainerMount {
  const { type, source, options } = mount
  if (type !== 'bind' || source === undefined || source.startsWith('/')) return mount
  const volume = find(source, volumes, where)
  const access = options?.find((option) => option === 'ro' || option === 'rw')
  if (volume.readonly === true && access !== 'ro') throw writable(source, 'options: [ro]', where)
  return { ...mount, source: volumePath(source) }
}

function find(name: string, volumes: Volumes, where: Place | undefined): Volume {
  const volume = volumes.get(name)
  if (volume !== undefined) return volume
  const similar = nearest(name, [...volumes.keys()])
  throw new LinuxkitError('config/unknown-volume', `there is no volume "${name}"`, {
    where,
    hint: similar === undefined ? 'paths begin with "/"; other names are those of the volumes section' : `did you mean "${similar}"?`,
  })
}

function writable(name: string, remedy: string, where: Place | undefined): LinuxkitError {
  return new LinuxkitError('config/volume-readonly', `the volume "${name}" is read-only, but mounted for writing`, {
    where,
    hint: `write ${remedy}`,
  })
}
