import type { DocumentPath } from '../base/document.js'
import type { Place } from '../base/errors.js'
import type { ContainerConfig, ContainerRuntime } from '../image/container-config.js'
import type { ContainerDefaults } from '../image/oci.js'
import { bindVolume, mountVolume, type Volumes } from './volumes.js'

export interface ContainerContext {
  readonly volumes: Volumes
  /** Where a field of the container stands in the yml (`['binds', 0]`). */
  readonly placeOf: (field: DocumentPath) => Place | undefined
}

/**
 * What a container finally runs with: the yml's fields, else those of the image's label, else (for command, env and cwd) the image's own.
 * A field that is present replaces the other one whole; only `runtime` is joined member by member, and `capabilities.add` and `binds.add` add
 * to the label's list when the yml has no list of its own. Names of volumes become their paths.
 * @throws {LinuxkitError} for a volume that does not exist or is mounted wrongly
 */
export function effectiveContainer(
  yml: ContainerConfig,
  label: ContainerConfig,
  image: ContainerDefaults,
  context: ContainerContext,
): ContainerConfig {
  const { 'capabilities.add': moreCapabilities, 'binds.add': moreBinds, ...own } = defined(yml)
  const { 'capabilities.add': _capabilities, 'binds.add': _binds, ...defaults } = defined(label)
  const capabilities = yml.capabilities ?? joined(label.capabilities, moreCapabilities)
  const binds = yml.binds ?? joined(label.binds, moreBinds)
  const bindKey = yml.binds !== undefined || moreBinds === undefined ? 'binds' : 'binds.add'
  const firstOwn = bindKey === 'binds' ? 0 : (label.binds?.length ?? 0)
  return {
    ...imageDefaults(image),
    ...defaults,
    ...own,
    capabilities,
    binds: binds?.map((bind, index) => bindVolume(bind, context.volumes, context.placeOf([bindKey, index - firstOwn]))),
    mounts: (yml.mounts ?? label.mounts)?.map((mount, index) => mountVolume(mount, context.volumes, context.placeOf(['mounts', index]))),
    runtime: joinRuntime(yml.runtime, label.runtime),
  }
}

function imageDefaults(image: ContainerDefaults): ContainerConfig {
  const command = [...(image.Entrypoint ?? []), ...(image.Cmd ?? [])]
  return {
    command: command.length === 0 ? undefined : command,
    env: image.Env === undefined ? undefined : [...image.Env],
    cwd: image.WorkingDir === undefined || image.WorkingDir === '' ? '/' : image.WorkingDir,
  }
}

function joined(first: string[] | undefined, second: string[] | undefined): string[] | undefined {
  return first === undefined && second === undefined ? undefined : [...(first ?? []), ...(second ?? [])]
}

function joinRuntime(yml: ContainerRuntime | undefined, label: ContainerRuntime | undefined): ContainerRuntime {
  return { ...defined(label ?? {}), ...defined(yml ?? {}), bindNS: { ...defined(label?.bindNS ?? {}), ...defined(yml?.bindNS ?? {}) } }
}

/** Without the members that are there but undefined, so that they replace nothing. */
function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T
}
