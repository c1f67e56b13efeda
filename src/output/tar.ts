import { ARCHES } from '../base/arch.js'
import { assemble } from '../rootfs/assemble.js'
import { tarEncoder } from '../rootfs/tar-encoder.js'
import { WITHOUT_LOADER, type Format } from './format.js'

/** The tree, with the kernel under `boot/`. PAX records say which line of the yml each entry comes from. */
export const tar: Format = {
  ...WITHOUT_LOADER,
  name: 'tar',
  summary: 'the whole tree, with the kernel under boot/',
  architectures: ARCHES,
  startedBy: 'nothing; later builds take it as `--input-tar`',
  rootOn: 'nothing',
  streams: true,
  suffixes: ['.tar'],
  async make(materials) {
    const { plan, options } = materials
    return [{ suffix: '.tar', content: await materials.held(assemble(plan.parts, tarEncoder, options)) }]
  },
}
