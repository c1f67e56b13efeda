import { ARCHES } from '../base/arch.js'
import { concatContents, type Content } from '../base/content.js'
import type { Extents } from '../disk/extents.js'
import type { BootFiles } from '../rootfs/initrd-encoder.js'
import type { RootFileSystem, RootPlace } from '../rootfs/root-mount-part.js'
import { commandLineOf, initramfsFor } from './boot.js'
import { WITHOUT_LOADER, type Format, type RootOn } from './format.js'
import { rootIso } from './isos.js'
import type { Materials } from './materials.js'
import { deviceWith, packedRoot } from './root-images.js'

/** A root on a file system of its own, and by what its device is known. */
interface Root {
  readonly content: Content | Extents
  readonly place: RootPlace
  readonly boot: BootFiles
}

async function packed(materials: Materials, fileSystem: 'squashfs' | 'erofs'): Promise<Root> {
  const { image, boot } = await packedRoot(materials, fileSystem)
  return { content: image.content, place: await deviceWith(image, fileSystem), boot }
}

/** A kernel, and the root beside it. The initramfs that mounts the root is for kernels whose drivers are modules. */
function kernelRootFormat(
  name: string,
  suffix: string,
  fileSystem: RootFileSystem,
  rootOn: RootOn,
  rootOf: (materials: Materials) => Promise<Root>,
): Format {
  const initramfs = `-${name.slice('kernel+'.length)}-initrd.img`
  return {
    ...WITHOUT_LOADER,
    name,
    summary: `a kernel, an initramfs that mounts the root, the root as ${rootOn}, and the kernel command line`,
    architectures: ARCHES,
    startedBy: 'QEMU and others that start a kernel, with the root as a disk',
    rootOn,
    streams: false,
    suffixes: ['-kernel', initramfs, suffix, '-cmdline'],
    async make(materials) {
      const { content, place, boot } = await rootOf(materials)
      const archive = await initramfsFor(materials, fileSystem, place)
      const files = [
        { suffix: '-kernel', content: boot.kernel },
        { suffix: initramfs, content: concatContents([boot.ucode, ...(archive === undefined ? [] : [archive])]) },
        { suffix, content },
        { suffix: '-cmdline', content: await commandLineOf(materials, boot) },
      ]
      return files.filter((file) => file.content.size > 0)
    },
  }
}

export const KERNEL_ROOT_FORMATS: readonly Format[] = [
  kernelRootFormat('kernel+squashfs', '-squashfs.img', 'squashfs', 'squashfs', (materials) => packed(materials, 'squashfs')),
  kernelRootFormat('kernel+erofs', '-erofs.img', 'erofs', 'erofs', (materials) => packed(materials, 'erofs')),
  kernelRootFormat('kernel+iso', '.iso', 'iso9660', 'ISO 9660', async (materials) => {
    const { iso: content, place, boot } = await rootIso(materials)
    return { content, place, boot }
  }),
]
