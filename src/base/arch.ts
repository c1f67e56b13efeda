import { LinuxkitError } from './errors.js'

/** Processor architectures by their Go names, which OCI platforms use too. */
export const ARCHES = ['amd64', 'arm64', 'riscv64', 's390x'] as const
export type Arch = (typeof ARCHES)[number]

/** Other names of the same architectures: `uname -m`, QEMU's, Node's `process.arch`. */
const ALIASES: Readonly<Record<string, Arch>> = { x86_64: 'amd64', x64: 'amd64', aarch64: 'arm64' }

/** @throws {LinuxkitError} `arch/unknown` */
export function parseArch(text: string): Arch {
  const arch = ALIASES[text] ?? text
  if ((ARCHES as readonly string[]).includes(arch)) return arch as Arch
  throw new LinuxkitError('arch/unknown', `"${text}" is not an architecture that images can be built for`, {
    hint: `use one of ${ARCHES.join(', ')}`,
  })
}

/** The architecture of this host. */
export function hostArch(): Arch {
  return parseArch(process.arch)
}
