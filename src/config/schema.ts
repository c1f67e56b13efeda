import { array, boolean, optional, picklist, strictObject, string, type InferOutput } from 'valibot'
import { containerFields, ownerId } from '../image/container-config.js'
import { described, text } from '../image/container-fields.js'

const kernel = strictObject({
  image: described(text, 'Image that holds the kernel; "@pkg:DIRECTORY" for a package of your own'),
  cmdline: described(text, 'Kernel command line'),
  binary: described(text, 'Path of the kernel in the image (default: kernel)'),
  tar: described(optional(string()), 'Path of the tar with the modules in the image (default: kernel.tar); "none" when there is none'),
  ucode: described(optional(string()), 'Path of the microcode archive in the image'),
})

const container = strictObject({
  name: described(string(), 'Name of the container; of a service it must be unique'),
  image: described(string(), 'Image that it runs; "@pkg:DIRECTORY" for a package of your own'),
  ...containerFields,
})

const file = strictObject({
  path: described(optional(string(), ''), 'Path in the image'),
  directory: described(optional(boolean(), false), 'Makes a directory'),
  symlink: described(text, 'Makes a symbolic link to this path'),
  contents: described(optional(string()), 'Text of the file'),
  source: described(text, 'File of this machine that is copied; "~/" is the home directory'),
  metadata: described(text, 'Writes the configuration itself into the file: yaml or json'),
  optional: described(optional(boolean(), false), 'Leaves the file out when its source does not exist'),
  mode: described(text, 'Permission bits in octal, in quotes (default: "0600", directories "0700")'),
  uid: described(optional(ownerId), 'Owner: a number, or the name of a container'),
  gid: described(optional(ownerId), 'Group: a number, or the name of a container'),
})

const volume = strictObject({
  name: described(optional(string(), ''), 'Name by which binds use the volume'),
  image: described(text, 'Image whose content the volume has at first'),
  readonly: described(optional(boolean()), 'Containers can only read it'),
  format: described(optional(picklist(['oci', 'filesystem'])), 'What is stored: the image as an OCI layout, or its files (default)'),
  platforms: described(optional(array(string())), 'Platforms of the image that an OCI layout keeps'),
})

/** One yml file, before it is merged with others; the order of the keys is the order in which they are written. */
export const ymlSchema = strictObject({
  kernel: described(optional(kernel), 'The kernel and its command line'),
  init: described(optional(array(string())), 'Images that are unpacked over each other as the root'),
  onboot: described(optional(array(container)), 'Containers that run one after another before the services'),
  onshutdown: described(optional(array(container)), 'Containers that run one after another at shutdown'),
  services: described(optional(array(container)), 'Containers that run until shutdown'),
  files: described(optional(array(file)), 'Files, directories and links that are added'),
  volumes: described(optional(array(volume)), 'Directories that containers share'),
  // Older files name the images to be verified here; digests are always verified.
  trust: described(
    optional(strictObject({ image: optional(array(string())), org: optional(array(string())) })),
    'Of older files; ignored, as digests are always verified',
  ),
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
