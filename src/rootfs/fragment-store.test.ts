import { mkdtemp, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readContent } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { FragmentStore, type StoredFragment } from './fragment-store.js'

async function* text(...pieces: readonly string[]): AsyncIterable<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece)
}

describe('FragmentStore', () => {
  const key = digestOf('key')
  let directory: string
  let store: FragmentStore

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'fragments-'))
    store = new FragmentStore(directory)
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  function add(content: string, wanted = key): Promise<StoredFragment> {
    return store.add(wanted, async (writer) => {
      await writer.content(text(content))
      await writer.setAside('kernel', text('k', 'ernel'))
      return { crc32: 7 }
    })
  }

  it('gives back what was put in', async () => {
    expect(await store.find(key)).toBeUndefined()
    await add('content')
    const found = await store.find(key)
    expect(found?.facts).toEqual({ crc32: 7 })
    expect(found && (await readContent(found.content)).toString()).toBe('content')
    const kernel = found?.aside.get('kernel')
    expect(kernel && (await readContent(kernel)).toString()).toBe('kernel')
  })

  it('keeps the fragment of whoever was first', async () => {
    await Promise.all([add('first'), add('second'), add('third')])
    expect(await readdir(directory)).toEqual([key.slice('sha256:'.length)])
  })

  it('leaves nothing of one that could not be made', async () => {
    const failing = store.add(key, async (writer) => {
      await writer.content(text('half'))
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await readdir(directory)).toEqual([])
  })

  it.each([
    ['a file that was cut off', (path: string) => truncate(join(path, 'content'), 3)],
    ['a file that is gone', (path: string) => rm(join(path, 'aside-kernel'))],
    ['a description that is none', (path: string) => writeFile(join(path, 'fragment.json'), '{')],
  ])('does not take a fragment with %s, and makes it again', async (_title, damage) => {
    await add('content')
    await damage(join(directory, key.slice('sha256:'.length)))
    expect(await store.find(key)).toBeUndefined()
    await add('content')
    const found = await store.find(key)
    expect(found && (await readContent(found.content)).toString()).toBe('content')
  })

  it('removes the least recently used when there is too much, but nothing of the last hour', async () => {
    const keys = ['a', 'b', 'c'].map(digestOf)
    for (const one of keys) await add('x'.repeat(1000), one)
    const old = new Date(Date.now() - 2 * 3600 * 1000)
    const older = new Date(Date.now() - 3 * 3600 * 1000)
    const description = (one: string): string => join(directory, one.slice('sha256:'.length), 'fragment.json')
    await utimes(description(keys[0] ?? ''), old, old)
    await utimes(description(keys[1] ?? ''), older, older)
    await store.prune(2500)
    expect(await Promise.all(keys.map(async (one) => (await store.find(one)) !== undefined))).toEqual([true, false, true])
    await store.prune(0)
    expect((await readdir(directory)).length).toBe(2)
  })
})
