import { z } from 'zod'
import { listOf, strings, text, textMap } from './container-fields.js'
import { resources } from './container-resources.js'

/** A number, or the name of a container whose id is meant. */
export const ownerId = z.union([z.string(), z.int()])

const idMapping = z.strictObject({
  containerID: z.int().default(0),
  hostID: z.int().default(0),
  size: z.int().default(0),
})

const mount = z.strictObject({
  destination: z.string().default(''),
  type: text,
  source: text,
  options: listOf(z.string()),
  uidmappings: listOf(idMapping),
  gidmappings: listOf(idMapping),
})

const device = z.strictObject({
  path: z.string().default(''),
  type: z.string().default(''),
  major: z.int().default(0),
  minor: z.int().default(0),
  mode: text,
})

const runtime = z.strictObject({
  cgroups: strings.optional(),
  mounts: z.array(mount).optional(),
  mkdir: strings.optional(),
  interfaces: z.array(z.strictObject({ name: text, add: text, peer: text, createInRoot: z.boolean().default(false) })).optional(),
  bindNS: z
    .strictObject({
      cgroup: z.string().optional(),
      ipc: z.string().optional(),
      mnt: z.string().optional(),
      net: z.string().optional(),
      pid: z.string().optional(),
      user: z.string().optional(),
      uts: z.string().optional(),
    })
    .optional(),
  namespace: z.string().optional(),
})

/**
 * The fields of a container, as they stand in a yml, in the `config:` of a build.yml and in the label of an image.
 * Their order here is the order in which they are written, wherever they are written.
 */
export const containerFields = {
  capabilities: strings.optional(),
  'capabilities.add': strings.optional(),
  ambient: strings.optional(),
  mounts: z.array(mount).optional(),
  binds: strings.optional(),
  'binds.add': strings.optional(),
  devices: z.array(device).optional(),
  tmpfs: strings.optional(),
  command: strings.optional(),
  env: strings.optional(),
  cwd: text,
  net: text,
  pid: text,
  ipc: text,
  uts: text,
  userns: text,
  hostname: text,
  readonly: z.boolean().optional(),
  maskedPaths: strings.optional(),
  readonlyPaths: strings.optional(),
  uid: ownerId.optional(),
  gid: ownerId.optional(),
  additionalGids: z.array(ownerId).optional(),
  noNewPrivileges: z.boolean().optional(),
  oomScoreAdj: z.int().optional(),
  rootfsPropagation: z.string().optional(),
  cgroupsPath: z.string().optional(),
  resources: resources.optional(),
  sysctl: textMap,
  rlimits: strings.optional(),
  uidMappings: z.array(idMapping).optional(),
  gidMappings: z.array(idMapping).optional(),
  annotations: textMap,
  runtime: runtime.optional(),
}

export const containerConfig = z.strictObject(containerFields)

/** How a container runs, without its name and image. */
export type ContainerConfig = z.infer<typeof containerConfig>
export type ContainerMount = z.infer<typeof mount>
export type ContainerDevice = z.infer<typeof device>
export type ContainerRuntime = z.infer<typeof runtime>
