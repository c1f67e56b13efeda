import { goJson, type Json } from '../base/go-json.js'
import { containerJson } from '../image/container-config-label.js'
import type { ContainerMount } from '../image/container-config.js'
import { parseReference } from '../image/reference.js'
import type { Config, Container } from './schema.js'
import { STYLE_V2, STYLE_V3, writeYaml } from './yaml-writer.js'

type JsonObject = Readonly<Record<string, Json | undefined>>

/** The merged configuration as `build --dry-run` prints it. */
export function dryRunYaml(config: Config): string {
  return writeYaml(configTree(config, containerYaml), STYLE_V3)
}

/** The merged configuration as a file of the image (`metadata: yaml`), with the normalised names of images. */
export function metadataYaml(config: Config): string {
  return writeYaml(configTree(normalised(config), containerYaml), STYLE_V2)
}

/** The merged configuration as a file of the image (`metadata: json`); lists without items are `null`. */
export function metadataJson(config: Config): string {
  const tree = configTree(normalised(config), ({ name, image, ...fields }) => ({ name, image, ...containerJson(fields) }))
  const members = Object.entries(tree).map(([key, value]) => [key, Array.isArray(value) && value.length === 0 ? null : value])
  return goJson(Object.fromEntries(members) as JsonObject, 4)
}

/** A container as it counts for comparing two of them: what is written otherwise but means the same is equal. */
export function containerText({ name, image, ...fields }: Container): string {
  return goJson({ name, image: parseReference(image).text, ...containerJson(fields) })
}

function configTree({ kernel, ...config }: Config, container: (value: Container) => JsonObject): JsonObject {
  const { image = '', cmdline, binary, tar, ucode } = kernel
  return {
    kernel: { image, cmdline, binary, tar, ucode },
    init: config.init,
    onboot: config.onboot.map(container),
    onshutdown: config.onshutdown.map(container),
    services: config.services.map(container),
    files: config.files,
    volumes: config.volumes,
  }
}

/** Names of volumes' images stay as they are written, as in LinuxKit. */
function normalised(config: Config): Config {
  const name = (image: string): string => parseReference(image).text
  const container = (value: Container): Container => ({ ...value, image: name(value.image) })
  return {
    ...config,
    kernel: config.kernel.image === undefined ? config.kernel : { ...config.kernel, image: name(config.kernel.image) },
    init: config.init.map(name),
    onboot: config.onboot.map(container),
    onshutdown: config.onshutdown.map(container),
    services: config.services.map(container),
  }
}

/** LinuxKit's yml has all fields of a mount, and maps in the order in which people count. */
function containerYaml(container: Container): JsonObject {
  const { mounts, runtime, sysctl, annotations } = container
  return {
    ...container,
    mounts: mounts?.map(mountYaml),
    sysctl: sysctl && naturally(sysctl),
    annotations: annotations && naturally(annotations),
    runtime: runtime && { ...runtime, mounts: runtime.mounts?.map(mountYaml) },
  }
}

function mountYaml({ destination, type = '', source = '', options = [], uidmappings = [], gidmappings = [] }: ContainerMount): JsonObject {
  return { destination, type, source, options, uidmappings, gidmappings }
}

/** `a2` before `a10`. */
function naturally(map: Readonly<Record<string, string>>): JsonObject {
  const order = new Intl.Collator('en', { numeric: true })
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => order.compare(a, b)))
}
