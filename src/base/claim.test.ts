import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claim, claimEnded, sweepClaim } from './claim.js'

let directory: string
let path: string
const { signal } = new AbortController()

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-claim-'))
  path = join(directory, 'claim')
})
afterEach(() => rm(directory, { recursive: true }))

/** The number of a process that has ended. */
function deadProcess(): Promise<number> {
  const child = spawn('true')
  return new Promise((resolve) => child.on('close', () => resolve(child.pid ?? 0)))
}

test('one of many gets a claim, and another when it is given back', async () => {
  const claims = await Promise.all(Array.from({ length: 20 }, () => claim(path)))
  const held = claims.filter((one) => one !== undefined)
  expect(held).toHaveLength(1)
  const ended = claimEnded(path, signal)
  await held[0]?.[Symbol.asyncDispose]()
  await ended
  expect(await readdir(directory)).toEqual([])
  await using next = await claim(path)
  expect(next).toBeDefined()
})

test('the claim of a process that is gone counts for nothing', async () => {
  const abandoned = JSON.stringify({ host: hostname(), pid: await deadProcess(), token: '' })
  await writeFile(path, abandoned)
  await claimEnded(path, signal)
  {
    await using taken = await claim(path)
    expect(taken).toBeDefined()
  }
  await writeFile(path, abandoned)
  await sweepClaim(path)
  expect(await readdir(directory)).toEqual([])
})

test('a claim of another machine counts as long as it shows signs of life', async () => {
  await writeFile(path, JSON.stringify({ host: 'elsewhere.example', pid: 1, token: '' }))
  expect(await claim(path)).toBeUndefined()
  await sweepClaim(path)
  expect(await readdir(directory)).toEqual(['claim'])
  await utimes(path, 0, 0)
  await using taken = await claim(path)
  expect(taken).toBeDefined()
})

test('waiting ends when it is no longer wanted', async () => {
  await using held = await claim(path)
  expect(held).toBeDefined()
  const controller = new AbortController()
  const waiting = claimEnded(path, controller.signal)
  controller.abort()
  await expect(waiting).rejects.toThrow('abort')
})
