import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { withLock } from './lock.js'
import { bundle, temporaryDirectory } from './test-support.js'

/** A script that adds one to a number in a file, so many times, in steps that another process could come between. */
const COUNTER = `
  import { readFile, writeFile } from 'node:fs/promises'
  import { withLock } from './lock.js'
  const [directory, times] = process.argv.slice(2)
  void (async () => {
    for (let count = 0; count < Number(times); count++) {
      await withLock(directory, async () => {
        const number = Number(await readFile(directory + '/number', 'utf8'))
        await new Promise((resolve) => setImmediate(resolve))
        await writeFile(directory + '/number', String(number + 1))
      })
    }
  })()
`

const HOLDER = `
  import { withLock } from './lock.js'
  void withLock(process.argv[2], () => new Promise(() => {
    console.log('held')
    setInterval(() => {}, 1000)
  }))
`

async function killedHolder(directory: string): Promise<void> {
  const child = spawn(process.execPath, [await bundle(HOLDER), directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
}

describe('withLock', () => {
  it('lets one in at a time, when the lock was left by a killed process that all of them find', async () => {
    const directory = await temporaryDirectory()
    const script = await bundle(COUNTER)
    await writeFile(join(directory, 'number'), '0')
    await killedHolder(directory)
    expect(await readdir(directory)).toContain('.index.lock')
    const children = Array.from({ length: 5 }, () => spawn(process.execPath, [script, directory, '40'], { stdio: 'inherit' }))
    const statuses = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))
    expect(statuses).toEqual([0, 0, 0, 0, 0])
    expect(await readFile(join(directory, 'number'), 'utf8')).toBe('200')
    expect(await readdir(directory)).toEqual(['number'])
  })

  it('takes over what a process left that was killed while it took over a lock', async () => {
    const directory = await temporaryDirectory()
    await killedHolder(directory)
    const { key } = JSON.parse(await readFile(join(directory, '.index.lock'), 'utf8')) as { key: string }
    const other = join(directory, 'other')
    await mkdir(other)
    await killedHolder(other)
    await writeFile(join(directory, `.tmp-.index.lock-${key}`), await readFile(join(other, '.index.lock')))
    expect(await withLock(directory, async () => 'in')).toBe('in')
    expect(await readdir(directory)).toEqual(['other'])
  })

  it('takes over the lock of a process whose number another process has now', async () => {
    const directory = await temporaryDirectory()
    await killedHolder(directory)
    const path = join(directory, '.index.lock')
    const owner = JSON.parse(await readFile(path, 'utf8')) as object
    await writeFile(path, JSON.stringify({ ...owner, process: process.ppid }))
    expect(await withLock(directory, async () => 'in')).toBe('in')
  })

  it('takes over the lock of another machine when it has been silent for long', async () => {
    const directory = await temporaryDirectory()
    const path = join(directory, '.index.lock')
    await writeFile(path, JSON.stringify({ key: 'abc', machine: 'elsewhere', process: process.pid, started: '1' }))
    const long = new Date(Date.now() - 60_000)
    await utimes(path, long, long)
    expect(await withLock(directory, async () => 'in')).toBe('in')
  })

  it('takes over a lock that is a directory, as other programs make them', async () => {
    const directory = await temporaryDirectory()
    const path = join(directory, '.index.lock')
    await mkdir(path)
    const long = new Date(Date.now() - 60_000)
    await utimes(path, long, long)
    expect(await withLock(directory, async () => 'in')).toBe('in')
    expect(await readdir(directory)).toEqual([])
  })

  it.each(['', '{"key":"ab', '{}'])('takes over the lock of a process that was killed when it had written %j into it', async (text) => {
    const directory = await temporaryDirectory()
    const path = join(directory, '.index.lock')
    await writeFile(path, text)
    const long = new Date(Date.now() - 60_000)
    await utimes(path, long, long)
    expect(await withLock(directory, async () => 'in')).toBe('in')
  })

  it('fails where there is no directory', async () => {
    await expect(withLock(join(await temporaryDirectory(), 'none'), async () => 'in')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('tells a holder that has lost the lock before it publishes anything', async () => {
    const directory = await temporaryDirectory()
    const path = join(directory, '.index.lock')
    const held = withLock(directory, async (assertHeld) => {
      await assertHeld()
      await writeFile(path, JSON.stringify({ key: 'another', machine: 'elsewhere', process: 1, started: '1' }))
      await assertHeld()
    })
    await expect(held).rejects.toMatchObject({ code: 'cache/locked' })
    // What belongs to another is not released.
    expect(await readFile(path, 'utf8')).toContain('another')
  })
})
