import { createHash } from 'node:crypto'
import { concatContents, readContent, textContent, type Content } from '../base/content.js'
import type { Digest } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { entry } from '../archive/entry.js'
import { usualFor } from '../rootfs/compression.js'
import { assembleInitrd } from '../rootfs/initrd.js'
import type { BootFiles, Initrd } from '../rootfs/initrd-encoder.js'
import { newPart } from '../rootfs/part.js'
import { rootMountParts, type RootFileSystem, type RootPlace } from '../rootfs/root-mount-part.js'
import type { Materials } from './materials.js'
import { packedRoot } from './root-images.js'

/** What a boot loader boots. */
export interface Boot {
  readonly kernel: Content
  /** With the microcode in front, which has to be the first, uncompressed archive (kernel, Documentation/arch/x86/microcode.rst). */
  readonly initrd: Content
  readonly commandLine: string
  /** Stands for all three. */
  readonly identity: Digest
}

/** Name of the file in an initrd that holds the root packed. */
const PACKED_ROOT = 'root.img'

/** Kernel, command line, microcode, and the initrd with the whole tree, be it packed or not. */
export function initrdOf(materials: Materials): Promise<Initrd> {
  const { plan, options } = materials
  const fileSystem = options.packedRoot
  return materials.once('initrd', async () => {
    if (fileSystem === undefined) return materials.held(assembleInitrd(plan.parts, compressionOf(materials), options))
    const { image, boot } = await packedRoot(materials, fileSystem)
    const parts = [
      ...rootMountParts(plan.parts, fileSystem, { type: 'file', path: PACKED_ROOT }),
      newPart({
        location: 'packed root',
        source: fileSystem,
        inputs: { packedRoot: image.key },
        async *entries() {
          yield entry({ path: PACKED_ROOT, type: 'file', content: image.content })
        },
      }),
    ]
    // What is in it is compressed already, and the kernel copies what it is not to unpack.
    const { initrd } = await materials.held(assembleInitrd(parts, { name: 'none', level: 0 }, { ...options, onPart: undefined }))
    return { ...boot, cmdline: await commandLineOf(materials, boot), initrd }
  })
}

/**
 * The command line as a file. What an initrd holds is in a file system for which the kernel usually sets half of the memory aside, and what is beyond it is cut off (init/do_mounts.c,
 * init_rootfs); for one file that is the root, there is no such limit.
 */
export async function commandLineOf({ options }: Materials, { cmdline }: BootFiles): Promise<Content> {
  const text = (await readContent(cmdline)).toString('utf8')
  return options.packedRoot === undefined || text.includes('rootfstype=') ? cmdline : textContent(`${text} rootfstype=ramfs`.trimStart())
}

/**
 * What boots with the whole tree in the initrd.
 * @throws {LinuxkitError} `build/no-kernel`
 */
export function bootOf(materials: Materials): Promise<Boot> {
  checkKernel(materials)
  return materials.once('boot', async () => {
    const { initrd, ...files } = await initrdOf(materials)
    return bootWith(files, initrd)
  })
}

/**
 * What boots with a root on a file system elsewhere, by way of an initramfs that mounts it. Undefined when the tree has no init that can do that, as with
 * images of LinuxKit, whose kernels have all drivers built in and mount their root themselves.
 * @throws {LinuxkitError} `build/no-kernel`
 */
export async function initramfsFor(materials: Materials, fileSystem: RootFileSystem, place: RootPlace): Promise<Content | undefined> {
  checkKernel(materials)
  const { plan, options } = materials
  const { progress } = options
  const parts = rootMountParts(plan.parts, fileSystem, place)
  return materials.once(`initramfs ${parts.map(({ key }) => key).join(' ')}`, async () => {
    try {
      const { initrd } = await materials.held(assembleInitrd(parts, compressionOf(materials), { ...options, onPart: undefined }))
      return initrd
    } catch (error) {
      if (!(error instanceof LinuxkitError) || error.code !== 'build/no-init') throw error
      progress({ type: 'warning', message: `${error.message}: the kernel has to mount it without help, with drivers that are built in` })
      return undefined
    }
  })
}

/** A kernel and what goes with it, with an initrd of some kind. */
export async function bootWith({ kernel, cmdline, ucode }: BootFiles, archive: Content | undefined): Promise<Boot> {
  const initrd = concatContents(archive === undefined ? [ucode] : [ucode, archive])
  const hash = createHash('sha256')
  for (const content of [kernel, initrd, cmdline]) {
    hash.update(`${content.size}\n`)
    for await (const chunk of content.open()) hash.update(chunk)
  }
  return { kernel, initrd, commandLine: (await readContent(cmdline)).toString('utf8'), identity: `sha256:${hash.digest('hex')}` }
}

/** A command line that names the root, unless it does so already. */
export function withRoot(commandLine: string, device: string): string {
  return commandLine.includes('root=') ? commandLine : `${commandLine} root=${device}`
}

/** LinuxKit ends the command line so in the formats that EFI boots. */
export function withText(commandLine: string): string {
  return `${commandLine} text`.trimStart()
}

function checkKernel({ plan }: Materials): void {
  if (plan.parts.some(({ location }) => location === 'kernel')) return
  throw new LinuxkitError('build/no-kernel', 'there is no kernel to boot', { hint: 'name one with "kernel: image:" in the yml' })
}

function compressionOf({ plan, options }: Materials) {
  return options.compression ?? usualFor(plan.kernelCompressions)
}
