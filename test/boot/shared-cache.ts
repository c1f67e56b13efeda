import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    readonly cacheDirectory: string
  }
}

/** An image cache for all boots of a run, so that each package is made once; only what was downloaded from Debian is shared with the user's. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'linuxkit-boot-cache-'))
  const downloads = join(process.env['LINUXKIT_CACHE'] || join(homedir(), '.linuxkit', 'cache'), 'debian')
  await mkdir(downloads, { recursive: true })
  await symlink(downloads, join(directory, 'debian'))
  project.provide('cacheDirectory', directory)
  return () => rm(directory, { recursive: true, force: true })
}
