import { bytesContent, concatContents, readAll, type Content } from '../base/content.js'
import { digestOf, type Digest } from '../base/digest.js'
import { PROGRAM } from '../base/program.js'
import { FIXED_TIME } from '../archive/entry.js'
import { erofs } from '../disk/erofs.js'
import { layOut, type Extents } from '../disk/extents.js'
import { contentGuid, guidBytes } from '../disk/identity.js'
import { squashfs } from '../disk/squashfs.js'
import { zlibCompressor } from '../disk/squashfs-compressor.js'
import { assemble } from '../rootfs/assemble.js'
import { FragmentStore, type StoredFragment, type FragmentWriter } from '../rootfs/fragment-store.js'
import type { BootFiles } from '../rootfs/initrd-encoder.js'
import type { RootPlace } from '../rootfs/root-mount-part.js'
import { treeEncoder, type SplitTree } from '../rootfs/tree-encoder.js'
import type { Materials, PackedRoot } from './materials.js'

/** A file system with the root. */
export interface RootImage {
  readonly content: Content
  /** Stands for its bytes. */
  readonly key: Digest
}

/** The tree, its contents on disk. */
export function treeOf(materials: Materials): Promise<SplitTree> {
  const { plan, options } = materials
  return materials.once('tree', async () => materials.hold(await materials.held(assemble(plan.parts, treeEncoder, options))))
}

/** The tree in a file system that can be mounted, and apart from it what a boot loader takes. */
export async function packedRoot(
  materials: Materials,
  fileSystem: PackedRoot,
): Promise<{ readonly image: RootImage; readonly boot: BootFiles }> {
  const boot = await treeOf(materials)
  const image = await materials.once(fileSystem, () => (fileSystem === 'squashfs' ? squashfsOf(materials, boot) : erofsOf(boot)))
  return { image, boot }
}

const SQUASHFS_LEVEL = 6

async function squashfsOf(materials: Materials, { tree, identity }: SplitTree): Promise<RootImage> {
  const compressor = zlibCompressor(SQUASHFS_LEVEL)
  const key = digestOf(JSON.stringify([PROGRAM, 'squashfs', compressor.name, identity]))
  const { progress } = materials.options
  const { content, facts } = await kept(materials, key, async (writer) => {
    progress({ type: 'start', id: 'squashfs', title: 'squashfs of the root' })
    const made = squashfs(tree, { compressor, time: FIXED_TIME.seconds })
    await writer.content(made.body)
    progress({ type: 'finish', id: 'squashfs' })
    return made.superblock().toString('base64')
  })
  return { content: concatContents([bytesContent(Buffer.from(String(facts), 'base64')), content]), key }
}

async function erofsOf({ tree, identity }: SplitTree): Promise<RootImage> {
  return { content: erofs(tree, { time: FIXED_TIME, identity }), key: digestOf(JSON.stringify([PROGRAM, 'erofs', identity])) }
}

/** A thing of a build that takes long to make, kept for later ones. */
export async function kept(
  { options }: Materials,
  key: Digest,
  make: (writer: FragmentWriter) => Promise<unknown>,
): Promise<StoredFragment> {
  const { fragmentDirectory, signal } = options
  const store = new FragmentStore(fragmentDirectory)
  const { fragment, made } = await store.findOrAdd(
    key,
    (writer) =>
      make({
        content: (source) => writer.content(untilAborted(source, signal)),
        setAside: (name, source) => writer.setAside(name, untilAborted(source, signal)),
      }),
    signal,
  )
  if (made) await store.prune()
  return fragment
}

export async function* untilAborted(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    signal.throwIfAborted()
    yield chunk
  }
}

/** What tells a file system from others: of a squashfs its superblock, of an erofs its UUID (Linux, fs/erofs/erofs_fs.h, `struct erofs_super_block`). */
const MARKS: Readonly<Record<PackedRoot, { readonly offset: number; readonly size: number }>> = {
  squashfs: { offset: 0, size: 96 },
  erofs: { offset: 1024 + 48, size: 16 },
}

/** By what the root's device is known, if it has this image on it. */
export async function deviceWith({ content }: RootImage, fileSystem: PackedRoot): Promise<RootPlace> {
  const { offset, size } = MARKS[fileSystem]
  return { type: 'device', identity: { offset, bytes: await readAll(content.open({ start: offset, end: offset + size }), size) } }
}

/** In the system area of a CD, which is free for such things (ECMA-119, section 6.2.1), behind what a GPT takes of it. */
const ISO_MARK = { offset: 63 * 512, text: 'LinuxKit root ' } as const

/** A CD that can be told from others, and by what. */
export function markedIso(iso: Extents, { identity }: SplitTree): { readonly iso: Extents; readonly place: RootPlace } {
  const place = isoPlace(identity)
  return { iso: layOut(iso.size, [...iso.extents, { offset: place.identity.offset, content: bytesContent(place.identity.bytes) }]), place }
}

/** By what a CD with the root is known. @param root of the tree */
export function isoPlace(root: Digest) {
  const bytes = Buffer.concat([Buffer.from(ISO_MARK.text), guidBytes(contentGuid('root', root))])
  return { type: 'device', identity: { offset: ISO_MARK.offset, bytes } } as const satisfies RootPlace
}
