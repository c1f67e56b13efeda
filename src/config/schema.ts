import { array, boolean, optional, picklist, strictObject, string, type InferOutput } from 'valibot'
import { containerFields, ownerId } from '../image/container-config.js'
import { text } from '../image/container-fields.js'

const kernel = strictObject({
  image: text,
  cmdline: text,
  binary: text,
  tar: optional(string()),
  ucode: optional(string()),
})

const container = strictObject({ name: string(), image: string(), ...containerFields })

const file = strictObject({
  path: optional(string(), ''),
  directory: optional(boolean(), false),
  symlink: text,
  contents: optional(string()),
  source: text,
  metadata: text,
  optional: optional(boolean(), false),
  mode: text,
  uid: optional(ownerId),
  gid: optional(ownerId),
})

const volume = strictObject({
  name: optional(string(), ''),
  image: text,
  readonly: optional(boolean()),
  format: optional(picklist(['oci', 'filesystem'])),
  platforms: optional(array(string())),
})

/** One yml file, before it is merged with others; the order of the keys is the order in which they are written. */
export const ymlSchema = strictObject({
  kernel: optional(kernel),
  init: optional(array(string())),
  onboot: optional(array(container)),
  onshutdown: optional(array(container)),
  services: optional(array(container)),
  files: optional(array(file)),
  volumes: optional(array(volume)),
  // Older files name the images to be verified here; digests are always verified.
  trust: optional(strictObject({ image: optional(array(string())), org: optional(array(string())) })),
})

export type Yml = InferOutput<typeof ymlSchema>
export type Kernel = InferOutput<typeof kernel>
export type Container = InferOutput<typeof container>
export type File = InferOutput<typeof file>
export type Volume = InferOutput<typeof volume>

/** The sections that hold containers, in the order in which they get their numeric ids. */
export const CONTAINER_SECTIONS = ['onboot', 'onshutdown', 'services'] as const
export type ContainerSection = (typeof CONTAINER_SECTIONS)[number]

/** What is to be built: all yml files merged. */
export interface Config {
  readonly kernel: Kernel
  readonly init: readonly string[]
  readonly onboot: readonly Container[]
  readonly onshutdown: readonly Container[]
  readonly services: readonly Container[]
  readonly files: readonly File[]
  readonly volumes: readonly Volume[]
}

/** What the kernel section takes out of its image, with the names that kernel images use by default. */
export function kernelFiles(section: Kernel) {
  const { cmdline = '', binary = 'kernel', tar = 'kernel.tar', ucode = '' } = section
  return {
    cmdline,
    binary,
    tar: tar === '' || tar === 'none' ? undefined : tar,
    ucode: ucode === '' ? undefined : ucode,
  }
}
