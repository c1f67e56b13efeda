import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openAtomic, sweepTemporaries, TEMPORARY_PREFIX, temporaryName } from './files.js'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-files-'))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

describe('sweepTemporaries', () => {
  it('leaves alone what a running process writes, and what is no unfinished file', async () => {
    await using file = await openAtomic(join(directory, 'output'))
    await writeFile(join(directory, 'other'), '')
    await sweepTemporaries(directory)
    expect((await readdir(directory)).sort()).toEqual([basename(file.temporaryPath), 'other'])
  })

  it('removes what a process left that is gone', async () => {
    const gone = spawnSync(process.execPath, ['--version']).pid
    await writeFile(join(directory, temporaryName().replace(`-${process.pid}-`, `-${gone}-`)), '')
    await sweepTemporaries(directory)
    expect(await readdir(directory)).toEqual([])
  })

  it.runIf(process.platform === 'linux')('removes what a process left whose number another one has now', async () => {
    const name = temporaryName()
    const start = new RegExp(`-${process.pid}-(\\d+)-`).exec(name)?.[1]
    await writeFile(join(directory, name.replace(`-${start}-`, `-${Number(start) - 1}-`)), '')
    await sweepTemporaries(directory)
    expect(await readdir(directory)).toEqual([])
  })

  it('removes what another machine left only when it is old', async () => {
    const [young, old] = ['1-1-young', '1-1-old'].map((name) => join(directory, `${TEMPORARY_PREFIX}0-${name}`)) as [string, string]
    for (const path of [young, old]) await writeFile(path, '')
    await utimes(old, 0, 0)
    await sweepTemporaries(directory)
    expect(await readdir(directory)).toEqual([basename(young)])
  })
})
