import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesContent, concatContents, type Content } from '../base/content.js'
import { writeAtomic } from '../base/files.js'
import { layOut, zeros, type Extents } from './extents.js'

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

/** Runs a program that judges a file. @returns what it printed @throws when it fails */
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

/** A medium of more than 4 GiB that costs little: noise here and there, and zeros that are stored as well as holes. */
export function largeMedium(size: number): Extents {
  const noise = (length: number, seed: number): Content =>
    bytesContent(createHash('shake256', { outputLength: length }).update(String(seed)).digest())
  const scattered = [0, 65_000, 1 << 20, 3 * 2 ** 29 + 512, 2 ** 32 - 70_000, 2 ** 32 + 512 * 7, size - 150_000]
  return layOut(size, [
    ...scattered.map((offset, index) => ({ offset, content: noise(50_000 + index, index) })),
    { offset: 2 << 20, content: zeros(1 << 20) },
    { offset: 5 << 20, content: concatContents([zeros(3 << 20), noise(1, 99), zeros(1 << 20)]) },
  ])
}
