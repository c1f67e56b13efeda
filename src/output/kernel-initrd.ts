import { concatContents } from '../base/content.js'
import { entry } from '../archive/entry.js'
import { tarContent } from '../archive/tar-writer.js'
import { mapJoined, type Assembled } from '../rootfs/assemble.js'
import { usualFor } from '../rootfs/compression.js'
import { assembleInitrd } from '../rootfs/initrd.js'
import type { Initrd } from '../rootfs/initrd-encoder.js'
import type { Plan } from '../rootfs/plan.js'
import type { Format, MakeOptions } from './format.js'

/** What a boot loader or `qemu -kernel -initrd -append` takes. */
export const kernelInitrd: Format = {
  name: 'kernel+initrd',
  summary: 'a kernel, an initrd that holds the whole tree, and the kernel command line',
  streams: false,
  suffixes: ['-kernel', '-initrd.img', '-cmdline'],
  async make(plan, options) {
    return mapJoined(await initrdOf(plan, options), ({ kernel, initrd, cmdline, ucode }) =>
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
    return mapJoined(await initrdOf(plan, options), ({ kernel, initrd, cmdline, ucode }) => {
      const files = Object.entries({ kernel, 'initrd.img': initrd, cmdline, 'ucode.cpio': ucode })
      const entries = files.filter(([, content]) => content.size > 0).map(([path, content]) => entry({ path, type: 'file', content }))
      return [{ suffix: '-initrd.tar', content: tarContent(entries) }]
    })
  },
}

/** The initrd of a plan, compressed as wanted, or else as its kernel can take it. */
function initrdOf({ parts, kernelCompressions }: Plan, { compression, ...options }: MakeOptions): Promise<Assembled<Initrd>> {
  return assembleInitrd(parts, compression ?? usualFor(kernelCompressions), options)
}
