import type { Timestamp } from '../archive/entry.js'
import { walk, type TreeNode } from '../archive/tree.js'
import { bytesContent, type Content } from '../base/content.js'
import { LinuxkitError } from '../base/errors.js'
import { bootCatalog, withInfoTable, type BootImage } from './el-torito.js'
import { layOut, type Extents } from './extents.js'
import { bootDescriptor, FIRST_DESCRIPTOR, jolietDescriptor, primaryDescriptor, terminator } from './iso-descriptors.js'
import { layOutDirectories } from './iso-directories.js'
import { ISO_SECTOR, sectorsOf } from './iso-fields.js'
import { roundUp } from './sectors.js'

/** Where in another content a content lies. */
export interface Stretch {
  readonly of: Content
  /** In bytes, a multiple of the sector. */
  readonly offset: number
}

export interface IsoOptions {
  /** What the file system shows. Extended attributes have no place in ISO 9660 and are left out. */
  readonly root: TreeNode
  /** 32 ASCII characters at most. */
  readonly volumeId: string
  /** Of the volume; files have their own. */
  readonly time: Timestamp
  /** Whether Windows is shown long names too. Links and devices it does not see. */
  readonly joliet?: boolean
  /** In the order in which firmware looks at them. */
  readonly boot?: readonly BootImage[]
  /** Contents of files that lie in other contents of the image, so that they are not written a second time. */
  readonly stretches?: ReadonlyMap<Content, Stretch>
  /** Bytes that are left free at the end. */
  readonly tail?: number
  /** Bytes that the size of the image is a multiple of; a multiple of the sector itself. */
  readonly sizeMultiple?: number
}

export interface IsoImage extends Extents {
  /** In bytes, where a content begins that is in the image. */
  offsetOf(content: Content): number
}

/** As other programs fill up images, because some drives read ahead of the end. */
const DEFAULT_SIZE_MULTIPLE = 32 * ISO_SECTOR
/** Numbers of sectors have 32 bits. */
const MOST_SECTORS = 2 ** 32 - 1
const NO_STRETCHES: ReadonlyMap<Content, Stretch> = new Map()
const VOLUME_ID = /^[\x20-\x7e]{0,32}$/u

/**
 * Lays out an ISO 9660 file system (ECMA-119) with Rock Ridge, and if wanted Joliet and El Torito. Every content is in the image once, however many files
 * have it. The first 32 KiB are left free. Contents are read when the image is; only their sizes are looked at here.
 * @throws {LinuxkitError} `disk/volume-id`, `disk/too-large`, and for what the file system cannot express: `disk/name-too-long`, `disk/link-too-long`,
 * `disk/device-number`, `disk/owner-number`, `disk/file-too-large`, `disk/too-many-directories`
 */
export function isoImage(options: IsoOptions): IsoImage {
  const { root, volumeId, time, joliet = false, boot: [firstBoot, ...otherBoots] = [], stretches = NO_STRETCHES } = options
  checkVolumeId(volumeId)
  const boot = firstBoot && ([firstBoot, ...otherBoots] as const)
  const descriptorCount = 2 + (boot ? 1 : 0) + (joliet ? 1 : 0)
  const primary = layOutDirectories(root, 'primary', FIRST_DESCRIPTOR + descriptorCount)
  const secondary = joliet ? layOutDirectories(root, 'joliet', primary.end) : undefined
  const catalog = secondary?.end ?? primary.end
  const { places, end } = placeContents(root, boot ?? [], stretches, catalog + (boot ? 1 : 0))
  const size = imageSize(end, options)

  const sectorOf = (content: Content): number => {
    const stretch = stretches.get(content)
    const sector = stretch ? sectorOf(stretch.of) + stretch.offset / ISO_SECTOR : places.get(content)
    if (!Number.isInteger(sector)) throw new Error('a content has no place in the image, or none that begins with a sector')
    return sector ?? 0
  }
  const volume = { id: volumeId, sectors: size / ISO_SECTOR, time }
  const descriptors = [
    primaryDescriptor(volume, primary),
    ...(boot ? [bootDescriptor(catalog)] : []),
    ...(secondary ? [jolietDescriptor(volume, secondary)] : []),
    terminator(),
  ]
  const withTable = new Set(boot?.filter(({ infoTable }) => infoTable).map(({ content }) => content))
  const extents = layOut(size, [
    { offset: FIRST_DESCRIPTOR * ISO_SECTOR, content: bytesContent(Buffer.concat(descriptors)) },
    ...primary.extents(sectorOf),
    ...(secondary?.extents(sectorOf) ?? []),
    ...(boot ? [{ offset: catalog * ISO_SECTOR, content: bytesContent(bootCatalog(boot, sectorOf)) }] : []),
    ...[...places].map(([content, sector]) => ({
      offset: sector * ISO_SECTOR,
      content: withTable.has(content) ? withInfoTable(content, sector, FIRST_DESCRIPTOR) : content,
    })),
  ])
  return { ...extents, offsetOf: (content) => sectorOf(content) * ISO_SECTOR }
}

function checkVolumeId(volumeId: string): void {
  if (VOLUME_ID.test(volumeId)) return
  throw new LinuxkitError('disk/volume-id', `"${volumeId}" cannot be the name of an ISO 9660 volume: that has 32 ASCII characters at most`)
}

/** The first sector of each content: what firmware starts is first, and last if it is aligned, the files of the tree between in its order. */
function placeContents(
  root: TreeNode,
  boot: readonly BootImage[],
  stretches: ReadonlyMap<Content, Stretch>,
  start: number,
): { readonly places: ReadonlyMap<Content, number>; readonly end: number } {
  const places = new Map<Content, number>()
  let end = start
  const place = (content: Content, alignment = ISO_SECTOR): void => {
    if (content.size === 0 || places.has(content) || stretches.has(content)) return
    const sector = roundUp(end * ISO_SECTOR, alignment) / ISO_SECTOR
    places.set(content, sector)
    end = sector + sectorsOf(content.size)
  }
  const aligned = boot.filter(({ alignment }) => alignment !== undefined)
  const last = new Set(aligned.map(({ content }) => content))
  for (const { content } of boot) if (!last.has(content)) place(content)
  for (const { node } of walk(root)) if (!last.has(node.entry.content)) place(node.entry.content)
  for (const { content, alignment } of aligned) place(content, alignment)
  return { places, end }
}

function imageSize(end: number, { tail = 0, sizeMultiple = DEFAULT_SIZE_MULTIPLE }: IsoOptions): number {
  const size = roundUp(end * ISO_SECTOR + tail, sizeMultiple)
  if (size / ISO_SECTOR <= MOST_SECTORS) return size
  throw new LinuxkitError('disk/too-large', `an ISO 9660 image of ${size} bytes is impossible: the limit is 8 TiB`)
}
