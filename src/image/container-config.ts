import { array, boolean, optional, strictObject, string, union, type InferOutput } from 'valibot'
import { int, listOf, strings, text, textMap } from './container-fields.js'
import { resources } from './container-resources.js'

/** A number, or the name of a container whose id is meant. */
export const ownerId = union([string(), int])

const idMapping = strictObject({
  containerID: optional(int, 0),
  hostID: optional(int, 0),
  size: optional(int, 0),
})

const mount = strictObject({
  destination: optional(string(), ''),
  type: text,
  source: text,
  options: listOf(string()),
  uidmappings: listOf(idMapping),
  gidmappings: listOf(idMapping),
})

const device = strictObject({
  path: optional(string(), ''),
  type: optional(string(), ''),
  major: optional(int, 0),
  minor: optional(int, 0),
  mode: text,
})

const runtime = strictObject({
  cgroups: optional(strings),
  mounts: optional(array(mount)),
  mkdir: optional(strings),
  interfaces: optional(array(strictObject({ name: text, add: text, peer: text, createInRoot: optional(boolean(), false) }))),
  bindNS: optional(
    strictObject({
      cgroup: optional(string()),
      ipc: optional(string()),
      mnt: optional(string()),
      net: optional(string()),
      pid: optional(string()),
      user: optional(string()),
      uts: optional(string()),
    }),
  ),
  namespace: optional(string()),
})

/**
 * The fields of a container, as they stand in a yml, in the `config:` of a build.yml and in the label of an image.
 * Their order here is the order in which they are written, wherever they are written.
 */
export const containerFields = {
  capabilities: optional(strings),
  'capabilities.add': optional(strings),
  ambient: optional(strings),
  mounts: optional(array(mount)),
  binds: optional(strings),
  'binds.add': optional(strings),
  devices: optional(array(device)),
  tmpfs: optional(strings),
  command: optional(strings),
  env: optional(strings),
  cwd: text,
  net: text,
  pid: text,
  ipc: text,
  uts: text,
  userns: text,
  hostname: text,
  readonly: optional(boolean()),
  maskedPaths: optional(strings),
  readonlyPaths: optional(strings),
  uid: optional(ownerId),
  gid: optional(ownerId),
  additionalGids: optional(array(ownerId)),
  noNewPrivileges: optional(boolean()),
  oomScoreAdj: optional(int),
  rootfsPropagation: optional(string()),
  cgroupsPath: optional(string()),
  resources: optional(resources),
  sysctl: textMap,
  rlimits: optional(strings),
  uidMappings: optional(array(idMapping)),
  gidMappings: optional(array(idMapping)),
  annotations: textMap,
  runtime: optional(runtime),
}

export const containerConfig = strictObject(containerFields)

/** How a container runs, without its name and image. */
export type ContainerConfig = InferOutput<typeof containerConfig>
export type ContainerMount = InferOutput<typeof mount>
export type ContainerDevice = InferOutput<typeof device>
export type ContainerRuntime = InferOutput<typeof runtime>
