import { posix } from 'node:path'
import { textContent } from '../base/content.js'
import type { DocumentPath } from '../base/document.js'
import { LinuxkitError, type Place } from '../base/errors.js'
import { entry, type Entry } from '../archive/entry.js'
import { effectiveContainer } from '../config/effective.js'
import type { Ids } from '../config/ids.js'
import type { Container, ContainerSection } from '../config/schema.js'
import type { Volumes } from '../config/volumes.js'
import type { CachedImage } from '../image/cached-image.js'
import { CONFIG_LABEL, parseLabel } from '../image/container-config-label.js'
import { parseReference } from '../image/reference.js'
import { directories, imageTree } from './image-tree.js'
import { containerBundle } from './oci-spec.js'
import { newPart, type Part } from './part.js'
import type { EarlierParts } from './earlier-tar.js'
import type { PlacedImage } from './sbom.js'

export interface ContainersContext {
  readonly ids: Ids
  readonly volumes: Volumes
  readonly imageOf: (location: string) => CachedImage
  readonly placeOf: (location: string | DocumentPath) => Place | undefined
  readonly earlier?: EarlierParts | undefined
}

/** Where each image has been laid out, by reference: an image that several containers use is in the tree once. */
export type LaidOut = Map<string, string>

export interface ContainerParts {
  readonly parts: readonly Part[]
  /** Images whose trees these parts hold. */
  readonly placed: readonly PlacedImage[]
}

/** The parts of each container of a section: its image, unless an earlier container has brought it, and its bundle for the runtime. */
export function containerParts(
  section: ContainerSection,
  containers: readonly Container[],
  laidOut: LaidOut,
  context: ContainersContext,
): ContainerParts {
  const placed: PlacedImage[] = []
  const parts = containers.flatMap((container, index): readonly Part[] => {
    const location = `${section}[${index}]`
    const bundle = bundlePath(section, container.name, index, context.placeOf(`${location}.name`))
    const found = context.earlier?.part(location)
    if (found !== undefined) {
      const name = parseReference(container.image).text
      if (!laidOut.has(name)) {
        const prefix = found.holds(`${bundle}/lower`) ? `${bundle}/lower` : `${bundle}/rootfs`
        laidOut.set(name, prefix)
        const image = context.earlier?.imageOf(location)
        if (image !== undefined) placed.push({ image, prefix })
      }
      return [found]
    }
    const image = context.imageOf(location)
    const defaults = image.config.config ?? {}
    const label = parseLabel(defaults.Labels?.[CONFIG_LABEL] ?? '', image.reference.text)
    const placeOf = (field: DocumentPath): Place | undefined => context.placeOf([section, index, ...field])
    const effective = effectiveContainer(container, label, defaults, { volumes: context.volumes, placeOf })
    const readonly = effective.readonly === true
    const shared = laidOut.get(image.reference.text)
    const lower = shared ?? `${bundle}/${readonly ? 'rootfs' : 'lower'}`
    if (shared === undefined) {
      laidOut.set(image.reference.text, lower)
      placed.push({ image, prefix: lower })
    }
    const { configJson, runtimeJson } = containerBundle({
      container: effective,
      paths: { bundle: `/${bundle}`, image: `/${lower}` },
      ids: context.ids,
      placeOf: (field) => placeOf([field]),
    })
    const source = image.reference.text
    async function* entries(): AsyncIterable<Entry> {
      if (shared !== undefined) yield* directories(bundle)
      yield entry({ path: `${bundle}/config.json`, type: 'file', content: textContent(configJson) })
      if (!readonly) yield entry({ path: `${bundle}/tmp`, type: 'directory' })
      if (!readonly || shared !== undefined) yield entry({ path: `${bundle}/rootfs`, type: 'directory' })
      yield entry({ path: `${bundle}/runtime.json`, type: 'file', content: textContent(runtimeJson) })
    }
    const tree = newPart({
      location,
      source,
      stamp: source,
      weight: image.size,
      inputs: { image: image.descriptor.digest, path: lower },
      entries: (signal) => imageTree(image, `${lower}/`, 'text', signal),
    })
    const own = newPart({
      location,
      source: 'config.json and runtime.json',
      stamp: source,
      inputs: { bundle, image: lower, 'config.json': configJson, 'runtime.json': runtimeJson },
      small: true,
      present: shared === undefined ? [bundle] : [],
      entries,
    })
    return shared === undefined ? [tree, own] : [own]
  })
  return { parts, placed }
}

/** Entries that run one after another carry their number, so that a name may stand for several; services are known by name. */
function bundlePath(section: ContainerSection, name: string, index: number, where: Place | undefined): string {
  const root = `containers/${section}`
  const path = posix.join(root, section === 'services' ? name : `${String(index).padStart(3, '0')}-${name}`)
  if (path.startsWith(`${root}/`)) return path
  throw new LinuxkitError('config/container-name', `"${name}" cannot name a container: its directory would lie outside ${root}`, { where })
}
