import { ARCHES } from '../base/arch.js'
import { textContent } from '../base/content.js'
import { entry, type Entry } from '../archive/entry.js'
import { assemble } from '../rootfs/assemble.js'
import { newPart, type Part } from '../rootfs/part.js'
import { tarEncoder } from '../rootfs/tar-encoder.js'
import { WITHOUT_LOADER, type Format } from './format.js'

/** `rc.init` notices that it is not PID 1 of a machine and leaves mounts and devices alone. */
const DOCKERFILE = '\nFROM scratch\n\nCOPY . ./\n\nENTRYPOINT ["/bin/rc.init"]\n'

const dockerfile = newPart({
  location: 'Dockerfile',
  source: 'format docker',
  inputs: { dockerfile: DOCKERFILE },
  small: true,
  async *entries(): AsyncIterable<Entry> {
    yield entry({ path: 'Dockerfile', type: 'file', content: textContent(DOCKERFILE) })
  },
})

/** The tree with a Dockerfile, as a context for `docker build -`. */
export const docker: Format = {
  ...WITHOUT_LOADER,
  name: 'docker',
  summary: 'the whole tree with a Dockerfile: a context for "docker build -"',
  architectures: ARCHES,
  startedBy: 'a container engine',
  rootOn: 'nothing',
  streams: true,
  suffixes: ['.docker'],
  async make(materials) {
    const { plan, options } = materials
    const isSbom = ({ location }: Part): boolean => location === 'sbom'
    const parts = [...plan.parts.filter((part) => !isSbom(part)), dockerfile, ...plan.parts.filter(isSbom)]
    return [{ suffix: '.docker', content: await materials.held(assemble(parts, tarEncoder, options)) }]
  },
}
