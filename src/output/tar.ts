import { assemble, mapJoined } from '../rootfs/assemble.js'
import { tarEncoder } from '../rootfs/tar-encoder.js'
import type { Format } from './format.js'

/** The tree, with the kernel under `boot/`. PAX records say which line of the yml each entry comes from. */
export const tar: Format = {
  name: 'tar',
  summary: 'the whole tree, with the kernel under boot/',
  streams: true,
  suffixes: ['.tar'],
  async make(plan, options) {
    return mapJoined(await assemble(plan.parts, tarEncoder, options), (content) => [{ suffix: '.tar', content }])
  },
}
