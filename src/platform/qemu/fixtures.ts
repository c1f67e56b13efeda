import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silent, type Progress } from '../../base/progress.js'
import type { Environment } from './environment.js'

/** A directory for one test: programs in `bin`-like fashion, images, state. Removed by disposal. */
export interface Workspace extends AsyncDisposable {
  readonly directory: string
  path(name: string): string
  /** Writes a shell script that stands in for a program. */
  program(name: string, script: string): Promise<string>
  /** Writes files, by name. */
  files(contents: Readonly<Record<string, string | Uint8Array>>): Promise<void>
  /** An environment in which only the programs of this workspace, and the shell's own, are found. */
  environment(signal?: AbortSignal, progress?: Progress): Environment
}

export async function createWorkspace(): Promise<Workspace> {
  const directory = await mkdtemp(join(tmpdir(), 'qemu-test-'))
  const path = (name: string) => join(directory, name)
  return {
    directory,
    path,
    async program(name, script) {
      await writeFile(path(name), `#!/bin/sh\n${script}\n`)
      await chmod(path(name), 0o755)
      return path(name)
    },
    async files(contents) {
      for (const [name, content] of Object.entries(contents)) await writeFile(path(name), content)
    },
    environment: (signal = new AbortController().signal, progress = silent) => ({
      host: { arch: 'amd64', platform: 'linux' },
      variables: { PATH: directory, LINUXKIT_QEMU_ACCEL: 'tcg' },
      cacheDirectory: path('cache'),
      progress,
      signal,
    }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}
