import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { temporaryName } from '../base/files.js'
import type { PartReport } from './assemble.js'
import { readRecord, recordPath, writeRecord } from './build-record.js'
import { explain } from './explain.js'
import { newPart, type PartInputs } from './part.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-record-'))
})
afterEach(() => rm(directory, { recursive: true }))

function report(location: string, inputs: PartInputs, state: PartReport['state'] = 'made', encoder = 'gzip 6'): PartReport {
  const part = newPart({ location, source: 'x', inputs, async *entries() {} })
  return { part, encoder, state, size: 1, milliseconds: 1 }
}

/** The reasons of a build that follows another one. */
async function reasons(before: readonly PartReport[], now: readonly PartReport[]): Promise<readonly string[]> {
  const path = join(directory, 'record.json')
  await writeRecord(path, before)
  return explain(now, await readRecord(path)).map(({ reason }) => reason)
}

test('says what has changed, down to the field', async () => {
  const image = (digit: string): string => `sha256:${digit.repeat(64)}`
  const config = (args: readonly string[]): string => JSON.stringify({ process: { args, cwd: '/' } })
  const before = [
    report('kernel', { kernel: image('a'), cmdline: 'quiet', ucode: undefined }),
    report('services[0]', { image: image('b'), path: 'p' }),
    report('services[0]', { 'config.json': config(['a', 'b']) }),
    report('files[0]', { files: [{ path: 'x', contents: 'a'.repeat(64) }] }),
  ]
  const now = [
    report('kernel', { kernel: image('c'), cmdline: 'loud', ucode: undefined }),
    report('services[0]', { image: image('b'), path: 'p' }, 'kept'),
    report('services[0]', { 'config.json': config(['a', 'c', 'd']) }, 'small'),
    report('files[0]', { files: [{ path: 'x', contents: 'b'.repeat(64) }] }, 'small'),
    report('files[1]', { files: [] }),
  ]
  expect(await reasons(before, now)).toEqual([
    'kernel: sha256:cccccccccccc'.replace('c'.repeat(12), 'a'.repeat(12)) + ' -> sha256:cccccccccccc; cmdline: quiet -> loud',
    '',
    'config.json.process.args[1]: b -> c; config.json.process.args[2]: nothing -> d',
    'files[0].contents: aaaaaaaaaaaa -> bbbbbbbbbbbb',
    'was not there in the last build',
  ])
})

test('tells another encoder from a fragment that is gone', async () => {
  const before = [report('init[0]', { root: 'a' }), report('init[1]', { root: 'b' })]
  const now = [report('init[0]', { root: 'a' }, 'made', 'zstd 3'), report('init[1]', { root: 'b' })]
  expect(await reasons(before, now)).toEqual(['encoded as "zstd 3", not as "gzip 6"', 'its fragment is no longer in the cache'])
  expect(await reasons([], now)).toEqual(['the last build of this yml is not known', 'the last build of this yml is not known'])
})

test('a record that is damaged is none, and old ones go', async () => {
  const path = recordPath(directory, ['a.yml'], 'amd64')
  expect(path).not.toBe(recordPath(directory, ['a.yml'], 'arm64'))
  await writeFile(path, '[{')
  expect(await readRecord(path)).toEqual([])
  for (let index = 0; index < 105; index++) await writeRecord(recordPath(directory, [`${index}.yml`], 'amd64'), [])
  expect(await readdir(directory)).toHaveLength(100)
})

test('what a killed build left beside the records goes, though the record itself stays the same', async () => {
  const records = join(directory, 'killed')
  const path = recordPath(records, ['a.yml'], 'amd64')
  await writeRecord(path, [])
  const gone = spawnSync(process.execPath, ['--version']).pid
  await writeFile(join(records, temporaryName().replace(`-${process.pid}-`, `-${gone}-`)), '[')
  await writeRecord(path, [])
  expect(await readdir(records)).toEqual([basename(path)])
})
