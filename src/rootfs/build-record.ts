import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { digestOf } from '../base/digest.js'
import { isSystemError } from '../base/errors.js'
import { sweepTemporaries, writeAtomic } from '../base/files.js'
import type { PartReport } from './assemble.js'
import type { PartInputs } from './part.js'

/** What a part of the last build depended on. */
export interface RecordedPart {
  readonly location: string
  readonly source: string
  readonly encoder: string
  readonly inputs: PartInputs
}

/** Records of this many builds are kept. */
const KEPT = 100

/** The file that says what the last build of some sources was made of. @param directory of all records */
export function recordPath(directory: string, sources: readonly string[], arch: string): string {
  const absolute = sources.map((source) => (/^(?:-$|https?:\/\/)/.test(source) ? source : resolve(source)))
  return join(directory, `${digestOf(JSON.stringify([absolute, arch])).slice('sha256:'.length)}.json`)
}

/** What the last build was made of; nothing when there was none, or nobody knows. */
export async function readRecord(path: string): Promise<readonly RecordedPart[]> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as readonly RecordedPart[]
  } catch (error) {
    if (isSystemError(error) || error instanceof SyntaxError) return []
    throw error
  }
}

/** Writes down what a build was made of. A directory that nobody can write to keeps no records. */
export async function writeRecord(path: string, reports: readonly PartReport[]): Promise<void> {
  const parts = reports.map(({ part: { location, source, inputs }, encoder }): RecordedPart => ({ location, source, encoder, inputs }))
  const text = JSON.stringify(parts)
  await sweepTemporaries(dirname(path))
  if ((await readFile(path, 'utf8').catch(() => '')) === text) return
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeAtomic(path, text, { durable: false })
    await prune(dirname(path))
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
}

async function prune(directory: string): Promise<void> {
  const names = await readdir(directory)
  if (names.length <= KEPT) return
  const records = []
  for (const name of names) records.push({ name, time: (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0 })
  records.sort((a, b) => b.time - a.time)
  for (const { name } of records.slice(KEPT)) await rm(join(directory, name), { force: true })
}
