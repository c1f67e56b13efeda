import { concatContents } from '../base/content.js'
import { entry } from '../archive/entry.js'
import { tarContent } from '../archive/tar-writer.js'
import { assemble } from '../rootfs/assemble.js'
import { initrdEncoder } from '../rootfs/initrd-encoder.js'
import type { Format } from './format.js'

/** zlib's own default; a large part of an image is compressed already (kernel modules), and gains nothing from more. */
const GZIP_LEVEL = 6

/** What a boot loader or `qemu -kernel -initrd -append` takes. */
export const kernelInitrd: Format = {
  name: 'kernel+initrd',
  summary: 'a kernel, an initrd that holds the whole tree, and the kernel command line',
  streams: false,
  suffixes: ['-kernel', '-initrd.img', '-cmdline'],
  async make(plan, options) {
    const assembled = await assemble(plan.parts, initrdEncoder(GZIP_LEVEL), options)
    const { kernel, initrd, cmdline, ucode } = assembled.joined
    return {
      // Microcode has to be the first, uncompressed archive (kernel, Documentation/arch/x86/microcode.rst).
      joined: [
        { suffix: '-kernel', content: kernel },
        { suffix: '-initrd.img', content: concatContents([ucode, initrd]) },
        { suffix: '-cmdline', content: cmdline },
      ].filter(({ content }) => content.size > 0),
      [Symbol.asyncDispose]: () => assembled[Symbol.asyncDispose](),
    }
  },
}

/** The same, as files of one tar, with the microcode as a file of its own. */
export const tarKernelInitrd: Format = {
  name: 'tar-kernel-initrd',
  summary: 'kernel, initrd and kernel command line in a tar',
  streams: false,
  suffixes: ['-initrd.tar'],
  async make(plan, options) {
    const assembled = await assemble(plan.parts, initrdEncoder(GZIP_LEVEL), options)
    const { kernel, initrd, cmdline, ucode } = assembled.joined
    const files = { kernel, 'initrd.img': initrd, cmdline, 'ucode.cpio': ucode }
    const entries = Object.entries(files).map(([path, content]) => entry({ path, type: 'file', content }))
    return {
      joined: [{ suffix: '-initrd.tar', content: tarContent(entries.filter(({ content }) => content.size > 0)) }],
      [Symbol.asyncDispose]: () => assembled[Symbol.asyncDispose](),
    }
  },
}
