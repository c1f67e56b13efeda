import { ARCHES } from '../base/arch.js'
import { concatContents } from '../base/content.js'
import { entry } from '../archive/entry.js'
import { tarContent } from '../archive/tar-writer.js'
import { initrdOf } from './boot.js'
import { WITHOUT_LOADER, type Format } from './format.js'

const common = { ...WITHOUT_LOADER, architectures: ARCHES, rootOn: 'memory', streams: false } as const

/** What a boot loader or `qemu -kernel -initrd -append` takes. */
export const kernelInitrd: Format = {
  ...common,
  name: 'kernel+initrd',
  summary: 'a kernel, an initrd that holds the whole tree, and the kernel command line',
  startedBy: 'QEMU (`linuxkit run`), iPXE, any boot loader',
  suffixes: ['-kernel', '-initrd.img', '-cmdline'],
  async make(materials) {
    const { kernel, initrd, cmdline, ucode } = await initrdOf(materials)
    return [
      { suffix: '-kernel', content: kernel },
      // Microcode has to be the first, uncompressed archive (kernel, Documentation/arch/x86/microcode.rst).
      { suffix: '-initrd.img', content: concatContents([ucode, initrd]) },
      { suffix: '-cmdline', content: cmdline },
    ].filter(({ content }) => content.size > 0)
  },
}

/** The same, as files of one tar, with the microcode as a file of its own. */
export const tarKernelInitrd: Format = {
  ...common,
  name: 'tar-kernel-initrd',
  summary: 'kernel, initrd and kernel command line in a tar',
  startedBy: 'whatever unpacks it',
  suffixes: ['-initrd.tar'],
  async make(materials) {
    const { kernel, initrd, cmdline, ucode } = await initrdOf(materials)
    const files = Object.entries({ kernel, 'initrd.img': initrd, cmdline, 'ucode.cpio': ucode })
    const entries = files.filter(([, content]) => content.size > 0).map(([path, content]) => entry({ path, type: 'file', content }))
    return [{ suffix: '-initrd.tar', content: tarContent(entries) }]
  },
}
