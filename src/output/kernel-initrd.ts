import { concatContents } from '../base/content.js'
import { entry } from '../archive/entry.js'
import { tarContent } from '../archive/tar-writer.js'
import { assemble, mapJoined } from '../rootfs/assemble.js'
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
    return mapJoined(await assemble(plan.parts, initrdEncoder(GZIP_LEVEL), options), ({ kernel, initrd, cmdline, ucode }) =>
      [
        { suffix: '-kernel', content: kernel },
        // Microcode has to be the first, uncompressed archive (kernel, Documentation/arch/x86/microcode.rst).
        { suffix: '-initrd.img', content: concatContents([ucode, initrd]) },
        { suffix: '-cmdline', content: cmdline },
      ].filter(({ content }) => content.size > 0),
    )
  },
}

/** The same, as files of one tar, with the microcode as a file of its own. */
export const tarKernelInitrd: Format = {
  name: 'tar-kernel-initrd',
  summary: 'kernel, initrd and kernel command line in a tar',
  streams: false,
  suffixes: ['-initrd.tar'],
  async make(plan, options) {
    return mapJoined(await assemble(plan.parts, initrdEncoder(GZIP_LEVEL), options), ({ kernel, initrd, cmdline, ucode }) => {
      const files = Object.entries({ kernel, 'initrd.img': initrd, cmdline, 'ucode.cpio': ucode })
      const entries = files.filter(([, content]) => content.size > 0).map(([path, content]) => entry({ path, type: 'file', content }))
      return [{ suffix: '-initrd.tar', content: tarContent(entries) }]
    })
  },
}
