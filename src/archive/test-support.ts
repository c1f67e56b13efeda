import { execFileSync } from 'node:child_process'
import { readAll } from '../base/content.js'
import type { Entry } from './entry.js'

/** The bytes as a stream of chunks of the given size. */
export async function* chunked(bytes: Uint8Array, size = bytes.length): AsyncIterable<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

export function gather(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return readAll(source, 1 << 30)
}

/** Runs a program with bytes on its standard input and returns its standard output. */
export function run(program: string, args: readonly string[], input: Uint8Array = new Uint8Array()): Buffer {
  return execFileSync(program, args, {
    input,
    maxBuffer: 1 << 30,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  })
}

export type ReadEntry = Omit<Entry, 'content'> & { readonly data: Buffer }

/** All entries with their contents read. */
export async function readEntries(entries: AsyncIterable<Entry>): Promise<ReadEntry[]> {
  const result: ReadEntry[] = []
  for await (const { content, ...members } of entries) result.push({ ...members, data: await gather(content.open()) })
  return result
}
