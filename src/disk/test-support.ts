import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Content } from '../base/content.js'
import { writeAtomic } from '../base/files.js'
import type { Extents } from './extents.js'

/** A directory that is removed when its block ends. */
export function temporaryDirectory(): Disposable & { path(name: string): string } {
  const directory = mkdtempSync(join(tmpdir(), 'disk-'))
  return {
    path: (name) => join(directory, name),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** Writes a medium as a raw file with holes, so that tests of large ones cost nothing. */
export async function writeRaw(path: string, { size, extents }: Extents): Promise<void> {
  await using file = await open(path, 'w')
  for (const { offset, content } of extents) {
    let position = offset
    for await (const chunk of content.open()) {
      await file.write(chunk, 0, chunk.length, position)
      position += chunk.length
    }
  }
  truncateSync(path, size)
}

export function writeContent(path: string, content: Content): Promise<void> {
  return writeAtomic(path, content.open())
}

/** Runs a program that judges a file. @returns what it printed, on both outputs @throws when it fails */
export function judge(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    // Tools for administrators are not in every user's PATH.
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return stdout + stderr
}
