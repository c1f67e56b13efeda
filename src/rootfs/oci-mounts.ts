import { LinuxkitError, type Place } from '../base/errors.js'
import type { ContainerConfig, ContainerMount } from '../image/container-config.js'

/** A mount of the OCI runtime-spec (config.md "Mounts"). */
export type OciMount = {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options?: readonly string[] | undefined
}

/** File systems of the kernel that have one customary place. */
const CUSTOMARY: ReadonlyMap<string, string> = new Map([
  ['proc', '/proc'],
  ['devpts', '/dev/pts'],
  ['sysfs', '/sys'],
  ['cgroup', '/sys/fs/cgroup'],
  ['mqueue', '/dev/mqueue'],
])

/**
 * All mounts of a container, sorted by destination: those every container has, then `tmpfs`, `binds` and `mounts`, of which later ones replace
 * earlier ones with the same destination.
 * @throws {LinuxkitError} `oci/bad-mount`
 */
export function ociMounts(container: ContainerConfig, placeOf: (field: string) => Place | undefined): readonly OciMount[] {
  const all = [
    ...defaultMounts(container.readonly === true),
    ...(container.tmpfs ?? []).map((text) => tmpfsMount(text, placeOf('tmpfs'))),
    ...(container.binds ?? []).map((text) => bindMount(text, placeOf('binds'))),
    ...(container.mounts ?? []).map((mount) => givenMount(mount, placeOf('mounts'))),
  ]
  const byDestination = new Map(all.map((mount) => [mount.destination, mount]))
  return [...byDestination.values()].sort((a, b) => Buffer.compare(Buffer.from(a.destination), Buffer.from(b.destination)))
}

function defaultMounts(readonly: boolean): readonly OciMount[] {
  const access = readonly ? ['ro'] : []
  return [
    kernelMount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k', ...access]),
    kernelMount('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620']),
    kernelMount('/proc', 'proc', ['nosuid', 'nodev', 'noexec', 'relatime']),
    kernelMount('/sys', 'sysfs', ['nosuid', 'noexec', 'nodev', ...access]),
    kernelMount('/sys/fs/cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']),
  ]
}

function kernelMount(destination: string, type: string, options?: readonly string[]): OciMount {
  return { destination, type, source: type, options }
}

function tmpfsMount(text: string, where: Place | undefined): OciMount {
  const [destination = '', options, ...surplus] = text.split(':')
  if (surplus.length > 0) throw bad(`tmpfs "${text}" has too many ":"`, where, 'write destination:option,option')
  return kernelMount(destination, 'tmpfs', options?.split(','))
}

function bindMount(text: string, where: Place | undefined): OciMount {
  const [source = '', destination, options, ...surplus] = text.split(':')
  if (destination === undefined || surplus.length > 0) throw bad(`bind "${text}" is not source:destination[:options]`, where)
  return {
    destination,
    type: 'bind',
    source,
    options: options === undefined ? ['rw', 'rbind', 'rshared'] : [...options.split(','), 'rbind'],
  }
}

function givenMount(mount: ContainerMount, where: Place | undefined): OciMount {
  const implied =
    mount.source !== undefined && CUSTOMARY.has(mount.source) ? mount.source : mount.destination === '/dev' ? 'tmpfs' : undefined
  const type = mount.type ?? implied
  if (type === undefined) throw bad(`the mount at "${mount.destination}" has no type`, where, 'say what to mount there: type: bind')
  const destination = mount.destination === '' ? CUSTOMARY.get(type) : mount.destination
  if (destination === undefined) throw bad(`the ${type} mount has no destination`, where, 'say where to mount it: destination: /path')
  return { destination, type, source: mount.source ?? type, options: mount.options }
}

function bad(message: string, where: Place | undefined, hint?: string): LinuxkitError {
  return new LinuxkitError('oci/bad-mount', message, { where, hint })
}
