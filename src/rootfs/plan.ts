import type { DocumentPath } from '../base/document.js'
import type { Place } from '../base/errors.js'
import { allocateIds } from '../config/ids.js'
import { CONTAINER_SECTIONS, kernelFiles, type Config, type Volume } from '../config/schema.js'
import { volumesByName } from '../config/volumes.js'
import type { CachedImage } from '../image/cached-image.js'
import type { ImageLayout } from '../image/layout.js'
import { KERNEL_INITRD_LABEL, PACKAGES_LABEL } from '../image/package-labels.js'
import { apkPart } from './apk-part.js'
import type { EarlierParts } from './earlier-tar.js'
import { containerParts, type LaidOut } from './container-parts.js'
import { filesParts } from './files-part.js'
import { initPart } from './init-part.js'
import { kernelPart } from './kernel-part.js'
import type { Part } from './part.js'
import { sbomPart, type PlacedImage, type SbomOptions } from './sbom.js'
import { volumeDirectory, volumeParts, type VolumeContent } from './volume-part.js'

/** What is to be built, in the order in which it is unpacked: later parts lie over earlier ones. */
export interface Plan {
  readonly parts: readonly Part[]
  /** Compressions of an initrd that the kernel is known to unpack. */
  readonly kernelCompressions: readonly string[]
}

export interface PlanContext {
  /** The image that a line names, which has to be in the cache: `kernel`, `init[0]`, `volumes[1]`, `services[2]`. */
  readonly imageOf: (location: string) => CachedImage
  readonly placeOf: (location: string | DocumentPath) => Place | undefined
  /** The image layout that a volume of format `oci` holds. @throws {LinuxkitError} when there is none */
  readonly layoutOf: (location: string, image: string, platforms: readonly string[]) => Promise<ImageLayout>
  /** Whether the kernel is unpacked, for boot loaders that cannot do it. */
  readonly decompressKernel: boolean
  /** Undefined for an image without an SBOM. */
  readonly sbom: SbomOptions | undefined
  /** What an earlier build has made of a line that has not changed; its image need not be there. */
  readonly earlier?: EarlierParts | undefined
}

/** Every line of a configuration that names an image, with that name. */
export function imageNames(config: Config): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  const add = (location: string, name: string | undefined): void => {
    if (name !== undefined && name !== '') names.set(location, name)
  }
  add('kernel', config.kernel.image)
  for (const [index, name] of config.init.entries()) add(`init[${index}]`, name)
  // A layout is not of one platform, and is looked up by itself.
  for (const [index, { image, format }] of config.volumes.entries()) if (format !== 'oci') add(`volumes[${index}]`, image)
  for (const section of CONTAINER_SECTIONS) {
    for (const [index, { image }] of config[section].entries()) add(`${section}[${index}]`, image)
  }
  return names
}

/**
 * Plans an image from manifests and configurations; no layer is read.
 * @throws {LinuxkitError} for whatever in the configuration cannot be built, with the place in the yml
 */
export async function planImage(config: Config, context: PlanContext): Promise<Plan> {
  const { imageOf, placeOf, earlier } = context
  const parts: Part[] = []
  let kernelCompressions: readonly string[] = []
  const placed: PlacedImage[] = []
  const place = (image: CachedImage | undefined, prefix: string): void => {
    if (image !== undefined) placed.push({ image, prefix })
  }
  /** The image of a line; undefined when it is not there because the line's part is. */
  const imageIfThere = (location: string): CachedImage | undefined =>
    earlier?.part(location) === undefined ? imageOf(location) : earlier.imageOf(location)
  /** The part that is there already, or else a new one of the line's image. */
  const rootPart = (location: string, make: (image: CachedImage) => Part): Part => {
    place(imageIfThere(location), '')
    return earlier?.part(location) ?? make(imageOf(location))
  }

  if (config.kernel.image !== undefined && config.kernel.image !== '') {
    const files = { ...kernelFiles(config.kernel), decompress: context.decompressKernel }
    parts.push(rootPart('kernel', (image) => kernelPart(image, files)))
    kernelCompressions = imageIfThere('kernel')?.config.config?.Labels?.[KERNEL_INITRD_LABEL]?.split(',') ?? []
  }
  const init = config.init.map((_, index) => rootPart(`init[${index}]`, (image) => initPart(index, image)))
  parts.push(...init)
  const apk = earlier?.part('init') ?? apkPart(init.filter((_, index) => !isFromDebian(imageIfThere(`init[${index}]`))))
  if (apk !== undefined) parts.push(apk)
  for (const [index, volume] of config.volumes.entries()) {
    const location = `volumes[${index}]`
    const prefix = `${volumeDirectory(volume.name)}/lower`
    const found = earlier?.part(`volume[${index}]`)
    if (found !== undefined) {
      place(earlier?.imageOf(location), prefix)
      parts.push(found)
      continue
    }
    const content = await volumeContent(volume, location, context)
    if (content.type === 'tree') place(content.image, prefix)
    parts.push(...volumeParts(index, volume.name, content))
  }
  const ids = allocateIds(config)
  const volumes = volumesByName(config.volumes)
  const laidOut: LaidOut = new Map()
  for (const section of CONTAINER_SECTIONS) {
    const containers = containerParts(section, config[section], laidOut, { ids, volumes, imageOf, placeOf, earlier })
    parts.push(...containers.parts)
    placed.push(...containers.placed)
  }
  parts.push(...(await filesParts({ config, ids, placeOf })))
  if (context.sbom !== undefined) parts.push(sbomPart(placed, context.sbom))
  return { parts, kernelCompressions }
}

async function volumeContent({ image, format, platforms }: Volume, location: string, context: PlanContext): Promise<VolumeContent> {
  if (image === undefined || image === '') return { type: 'blank' }
  if (format === 'oci') return { type: 'layout', layout: await context.layoutOf(location, image, platforms ?? []) }
  return { type: 'tree', image: context.imageOf(location) }
}

/** Whether an image was made from Debian packages, and so cannot have the database of another package manager. */
function isFromDebian(image: CachedImage | undefined): boolean {
  return image?.config.config?.Labels?.[PACKAGES_LABEL] !== undefined
}
