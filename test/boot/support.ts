import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { inject } from 'vitest'
import { startMachine, type Machine } from '../../src/platform/qemu/machine.js'

const CLI = 'dist/linuxkit.cjs'
const run = promisify(execFile)

/** A place to build in that goes with the test. */
export interface Workshop extends AsyncDisposable {
  readonly directory: string
  build(...args: readonly string[]): Promise<void>
  /** Runs to the end. */
  run(...args: readonly string[]): Promise<void>
  /** Boots what was built; the console is in the test's hands. */
  boot(...args: readonly string[]): Machine
}

export async function openWorkshop(): Promise<Workshop> {
  const directory = await mkdtemp(join(tmpdir(), 'linuxkit-boot-'))
  const cache = inject('cacheDirectory')
  return {
    directory,
    async build(...args) {
      await run(process.execPath, [CLI, '--cache', cache, 'build', '--dir', directory, ...args], { maxBuffer: 1 << 26 })
    },
    async run(...args) {
      await run(process.execPath, [CLI, '--cache', cache, 'run', ...args], { maxBuffer: 1 << 26 })
    },
    boot: (...args) => {
      const machine = startMachine(
        { program: process.execPath, arguments: [CLI, '--cache', cache, 'run', 'qemu', ...args] },
        { console: 'program', onOutput: (chunk) => void process.stdout.write(chunk) },
      )
      return machine
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

/** What {@link markerImage} says on its console, before the name of the file system that it has its root on. */
export const MARKER = 'booted with its root on'

/**
 * The least that runs a container: a yml.
 * @param packages the directory of the packages, as the yml has to name it
 * @param tar of the kernel's modules; `none` for none, which the container does without
 */
export function markerImage(packages: string, tar: string, cmdline: string): string {
  return `kernel:
  image: "@pkg:${packages}/kernel"
  cmdline: "${cmdline}"
  tar: ${tar}
init: ["@pkg:${packages}/init", "@pkg:${packages}/runc"]
onboot:
  - name: marker
    image: "@pkg:${packages}/busybox"
    pid: host
    readonly: true
    command: ["/bin/sh", "-c", "echo ${MARKER} $(awk '$2 == \\"/\\" { print $3 }' /proc/1/mounts)"]
`
}

/** Asks a server until it answers: behind a published port a connection is taken before anybody listens in the machine, and then reset. */
export async function fetchWhenUp(url: string, signal: AbortSignal): Promise<Response> {
  for (;;) {
    const response = await fetch(url, { signal }).catch((error: unknown) => {
      signal.throwIfAborted()
      return error
    })
    if (response instanceof Response) return response
    await setTimeout(200, undefined, { signal })
  }
}

/** A port of this host that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
