import { LinuxkitError } from '../base/errors.js'
import { textContent } from '../base/content.js'
import { entry, FIXED_TIME, type Entry } from '../archive/entry.js'
import { cleanPath } from '../archive/path.js'
import { readTar } from '../archive/tar-reader.js'
import type { CachedImage } from '../image/cached-image.js'
import { flattenImage } from '../image/flatten.js'
import { decompressKernel } from './decompress-kernel.js'
import { newPart, type Part } from './part.js'

export interface KernelFiles {
  readonly cmdline: string
  /** Path of the kernel inside the image. */
  readonly binary: string
  /** Path of the tar with the modules inside the image; undefined when there is none to unpack. */
  readonly tar: string | undefined
  /** Path of the microcode inside the image; an image without it is fine. */
  readonly ucode: string | undefined
  /** Whether the kernel is unpacked, for boot loaders that cannot do it. */
  readonly decompress: boolean
}

/** The kernel, its command line and its modules: `boot/kernel`, `boot/cmdline`, `boot/ucode.cpio` and what the modules' tar holds. */
export function kernelPart(image: CachedImage, files: KernelFiles): Part {
  const source = image.reference.text
  return newPart({
    location: 'kernel',
    source,
    stamp: source,
    weight: image.size,
    inputs: { kernel: image.descriptor.digest, ...files },
    entries: (signal) => kernelEntries(image, files, signal),
  })
}

async function* kernelEntries(image: CachedImage, files: KernelFiles, signal: AbortSignal): AsyncIterable<Entry> {
  let bootSeen = false
  let kernelSeen = false
  let tarSeen = false
  const boot = function* (): Iterable<Entry> {
    if (!bootSeen) yield entry({ path: 'boot', type: 'directory' })
    bootSeen = true
  }
  for await (const one of flattenImage(image, signal)) {
    if (one.path === files.binary) {
      kernelSeen = true
      requireFile(one, image, 'binary')
      yield* boot()
      yield entry({ path: 'boot/cmdline', type: 'file', pax: one.pax, xattrs: one.xattrs, content: textContent(files.cmdline) })
      const content = files.decompress ? await decompressKernel(one.content) : one.content
      yield { ...one, path: 'boot/kernel', uid: 0, gid: 0, userName: '', groupName: '', mtime: FIXED_TIME, content }
    } else if (one.path === files.tar) {
      tarSeen = true
      requireFile(one, image, 'tar')
      yield* unpacked(one, image)
    } else if (one.path === files.ucode) {
      requireFile(one, image, 'ucode')
      yield* boot()
      yield { ...one, path: 'boot/ucode.cpio', uid: 0, gid: 0, userName: '', groupName: '', mtime: FIXED_TIME }
    }
  }
  if (!kernelSeen) throw missing(image, files.binary, 'kernel.binary')
  if (files.tar !== undefined && !tarSeen) throw missing(image, files.tar, 'kernel.tar')
}

async function* unpacked({ path, content }: Entry, image: CachedImage): AsyncIterable<Entry> {
  try {
    for await (const one of readTar(content.open())) {
      // The names stay as they are written, as long as they lie in the tree.
      cleanPath(one.path)
      if (one.type === 'hardlink') cleanPath(one.link)
      yield one
    }
  } catch (error) {
    if (!(error instanceof LinuxkitError) || !error.code.startsWith('archive/')) throw error
    const message = `"${path}" of the kernel image ${image.reference.text} cannot be unpacked: ${error.message}`
    throw new LinuxkitError(error.code, message, {
      hint: error.hint ?? 'it has to be a tar that is not compressed',
      cause: error,
    })
  }
}

/** What only names the kernel would boot nothing: an initrd has no place for what it points to. */
function requireFile({ path, type, link }: Entry, image: CachedImage, field: 'binary' | 'tar' | 'ucode'): void {
  if (type === 'file') return
  const isLink = type === 'symlink' || type === 'hardlink'
  throw new LinuxkitError(
    'build/kernel-file-type',
    `"${path}" of the kernel image ${image.reference.text} is not a file${isLink ? ` but a link to "${link}"` : ''}`,
    { hint: isLink ? `name the file itself with "${field}" under "kernel"` : `name a file with "${field}" under "kernel"` },
  )
}

function missing(image: CachedImage, path: string, field: string): LinuxkitError {
  return new LinuxkitError('build/kernel-file-missing', `the kernel image ${image.reference.text} has no file "${path}"`, {
    hint:
      field === 'kernel.tar'
        ? `set "tar: none" under "kernel" if it has no modules`
        : `name the kernel's path inside the image with "binary" under "kernel"`,
  })
}
