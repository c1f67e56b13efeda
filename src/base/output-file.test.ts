import { execFileSync } from 'node:child_process'
import { lstat, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { outputFile } from './output-file.js'

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'linuxkit-output-'))
})

afterEach(() => rm(root, { recursive: true, force: true }))

async function* chunks(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

async function* failing(): AsyncIterable<Uint8Array> {
  yield Buffer.from('half')
  throw new Error('no more')
}

describe('outputFile', () => {
  it('keeps what is there until the new content is complete', async () => {
    const path = join(root, 'out')
    await writeFile(path, 'old and long')
    const write = await outputFile(path)
    await expect(write(failing())).rejects.toThrow('no more')
    expect(await readFile(path, 'utf8')).toBe('old and long')
    await write(chunks('n', 'ew'))
    expect(await readFile(path, 'utf8')).toBe('new')
    expect(await readdir(root)).toEqual(['out'])
  })

  it('writes to the file that a link leads to', async () => {
    await writeFile(join(root, 'file'), 'old')
    await symlink('file', join(root, 'link'))
    await (
      await outputFile(join(root, 'link'))
    )(chunks('new'))
    expect((await lstat(join(root, 'link'))).isSymbolicLink()).toBe(true)
    expect(await readFile(join(root, 'file'), 'utf8')).toBe('new')
  })

  it('writes into a pipe and leaves it one', async () => {
    const pipe = join(root, 'pipe')
    execFileSync('mkfifo', [pipe])
    const write = await outputFile(pipe)
    const [text] = await Promise.all([readFile(pipe, 'utf8'), write(chunks('through ', 'the pipe'))])
    expect(text).toBe('through the pipe')
    expect((await lstat(pipe)).isFIFO()).toBe(true)
  })

  it('says at once that it cannot be written', async () => {
    await expect(outputFile(join(root, 'no', 'out'))).rejects.toMatchObject({ code: 'build/no-directory' })
    await expect(outputFile(root)).rejects.toMatchObject({ code: 'build/output' })
  })
})
