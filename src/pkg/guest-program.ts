import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Arch } from '../base/arch.js'
import { fileContent, type Content } from '../base/content.js'
import { run } from '../base/exec.js'
import { exists } from '../base/files.js'
import { LinuxkitError } from '../base/errors.js'

export interface GuestBuild {
  /** Name of the program: the package `cmd/<program>` of the Go module. */
  readonly program: string
  /** The directory of the Go module. */
  readonly source: string
  readonly arch: Arch
  /** Where the program is put; it must outlive the content. */
  readonly directory: string
  readonly signal: AbortSignal
}

/**
 * Compiles a guest program to one static file. Paths, version control and build ids stay out of it, so the same compiler gives the same bytes anywhere.
 * @throws {LinuxkitError} `pkg/no-program`, `exec/not-found` without Go, `exec/failed` with the compiler's messages
 */
export async function buildGuestProgram({ program, source, arch, directory, signal }: GuestBuild): Promise<Content> {
  const module = resolve(source)
  if (!(await exists(join(module, 'cmd', program)))) {
    throw new LinuxkitError('pkg/no-program', `there is no guest program ${join(module, 'cmd', program)}`)
  }
  const output = join(directory, `${program}-${arch}`)
  await run('go', ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w -buildid=', '-o', output, `./cmd/${program}`], {
    cwd: module,
    signal,
    // Variables that would let the user's own settings into the program are set to their defaults.
    env: { CGO_ENABLED: '0', GOOS: 'linux', GOARCH: arch, GOFLAGS: '', GOAMD64: 'v1', GOWORK: 'off', GOEXPERIMENT: '' },
  })
  return fileContent(output, 0, (await stat(output)).size)
}
