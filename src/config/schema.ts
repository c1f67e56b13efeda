import { z } from 'zod'
import { containerFields, ownerId } from '../image/container-config.js'
import { text } from '../image/container-fields.js'

const kernel = z.strictObject({
  image: text,
  cmdline: text,
  binary: text,
  tar: z.string().optional(),
  ucode: z.string().optional(),
})

const container = z.strictObject({ name: z.string(), image: z.string(), ...containerFields })

const file = z.strictObject({
  path: z.string().default(''),
  directory: z.boolean().default(false),
  symlink: text,
  contents: z.string().optional(),
  source: text,
  metadata: text,
  optional: z.boolean().default(false),
  mode: text,
  uid: ownerId.optional(),
  gid: ownerId.optional(),
})

const volume = z.strictObject({
  name: z.string().default(''),
  image: text,
  readonly: z.boolean().optional(),
  format: z.enum(['oci', 'filesystem']).optional(),
  platforms: z.array(z.string()).optional(),
})

/** One yml file, before it is merged with others; the order of the keys is the order in which they are written. */
export const ymlSchema = z.strictObject({
  kernel: kernel.optional(),
  init: z.array(z.string()).optional(),
  onboot: z.array(container).optional(),
  onshutdown: z.array(container).optional(),
  services: z.array(container).optional(),
  files: z.array(file).optional(),
  volumes: z.array(volume).optional(),
  // Older files name the images to be verified here; digests are always verified.
  trust: z.strictObject({ image: z.array(z.string()).optional(), org: z.array(z.string()).optional() }).optional(),
})

export type Yml = z.infer<typeof ymlSchema>
export type Kernel = z.infer<typeof kernel>
export type Container = z.infer<typeof container>
export type File = z.infer<typeof file>
export type Volume = z.infer<typeof volume>

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
