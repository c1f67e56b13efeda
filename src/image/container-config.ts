import { array, boolean, optional, strictObject, string, union, type InferOutput } from 'valibot'
import { described, int, listOf, strings, text, textMap } from './container-fields.js'
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
  cgroups: described(optional(strings), 'Control groups to make'),
  mounts: described(optional(array(mount)), 'Mounts that are made outside of the container before it runs'),
  mkdir: described(optional(strings), 'Directories that are made before it runs'),
  interfaces: described(
    optional(array(strictObject({ name: text, add: text, peer: text, createInRoot: optional(boolean(), false) }))),
    'Network interfaces to make or move into the container',
  ),
  bindNS: described(
    optional(
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
    'Paths on which its namespaces are kept',
  ),
  namespace: described(optional(string()), 'containerd namespace that the service runs in'),
})

/**
 * The fields of a container, as they stand in a yml, in the `config:` of a build.yml and in the label of an image.
 * Their order here is the order in which they are written, wherever they are written.
 */
export const containerFields = {
  capabilities: described(optional(strings), 'Linux capabilities (CAP_...), or all; none by default'),
  'capabilities.add': described(optional(strings), 'Capabilities in addition to those of the image'),
  ambient: described(optional(strings), 'Ambient capabilities'),
  mounts: described(optional(array(mount)), 'Mounts in the container'),
  binds: described(optional(strings), 'Bind mounts: source:destination[:options]; the source is a path or a volume'),
  'binds.add': described(optional(strings), 'Bind mounts in addition to those of the image'),
  devices: described(optional(array(device)), 'Device nodes in the container'),
  tmpfs: described(optional(strings), 'tmpfs mounts: destination[:options]'),
  command: described(optional(strings), 'Program and arguments'),
  env: described(optional(strings), 'Environment: NAME=value'),
  cwd: described(text, 'Working directory'),
  net: described(text, 'Network namespace: host, new, none, or a path'),
  pid: described(text, 'PID namespace: host, new, or a path'),
  ipc: described(text, 'IPC namespace: host, new, or a path'),
  uts: described(text, 'UTS namespace: host, new, or a path'),
  userns: described(text, 'User namespace: host, new, or a path'),
  hostname: described(text, 'Host name in the container'),
  readonly: described(optional(boolean()), 'Makes the root of the container read-only'),
  maskedPaths: described(optional(strings), 'Paths that are hidden'),
  readonlyPaths: described(optional(strings), 'Paths that are read-only'),
  uid: described(optional(ownerId), 'User: a number, or the name of a container'),
  gid: described(optional(ownerId), 'Group: a number, or the name of a container'),
  additionalGids: described(optional(array(ownerId)), 'Further groups'),
  noNewPrivileges: described(optional(boolean()), 'Forbids gaining privileges'),
  oomScoreAdj: described(optional(int), 'Badness for the out-of-memory killer'),
  rootfsPropagation: described(optional(string()), 'Mount propagation of the root'),
  cgroupsPath: described(optional(string()), 'Control group of the container'),
  resources: described(optional(resources), 'Limits of its control group'),
  sysctl: described(textMap, 'Kernel settings in its namespaces'),
  rlimits: described(optional(strings), 'Resource limits: name,soft,hard'),
  uidMappings: described(optional(array(idMapping)), 'Users of its user namespace'),
  gidMappings: described(optional(array(idMapping)), 'Groups of its user namespace'),
  annotations: described(textMap, 'Annotations of the OCI specification'),
  runtime: described(optional(runtime), 'What is prepared around the container'),
}

export const containerConfig = strictObject(containerFields)

/** How a container runs, without its name and image. */
export type ContainerConfig = InferOutput<typeof containerConfig>
export type ContainerMount = InferOutput<typeof mount>
export type ContainerDevice = InferOutput<typeof device>
export type ContainerRuntime = InferOutput<typeof runtime>
