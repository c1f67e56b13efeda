import { readdir, readFile, writeFile } from 'node:fs/promises'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunked, gather } from '../archive/test-support.js'
import { digestOf } from '../base/digest.js'
import { BlobStore } from './blobs.js'
import { temporaryDirectory } from './test-support.js'

const BYTES = Buffer.from('some bytes of a blob')
const BLOB = { digest: digestOf(BYTES), size: BYTES.length }

describe('BlobStore', () => {
  it('stores any stream under the digest of its bytes', async () => {
    const directory = await temporaryDirectory()
    const store = new BlobStore(directory)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.integer({ min: 1, max: 300 }), async (bytes, size) => {
        const blob = await store.write(chunked(bytes, size))
        expect(blob).toEqual({ digest: digestOf(bytes), size: bytes.length })
        expect(await gather(store.content(blob).open())).toEqual(Buffer.from(bytes))
      }),
      { numRuns: 20 },
    )
    for (const name of await readdir(directory)) expect(name).toMatch(/^[0-9a-f]{64}$/)
  })

  it.each([
    ['another digest', { digest: digestOf('else'), size: BYTES.length }],
    ['too many bytes', { ...BLOB, size: 3 }],
    ['too few bytes', { ...BLOB, size: 300 }],
  ])('leaves nothing behind when the stream turns out to have %s', async (_, expected) => {
    const directory = await temporaryDirectory()
    const store = new BlobStore(directory)
    await expect(store.write(chunked(BYTES, 4), expected)).rejects.toMatchObject({ code: 'image/digest-mismatch' })
    expect(await readdir(directory)).toEqual([])
  })

  it('leaves nothing behind when the stream breaks off', async () => {
    const directory = await temporaryDirectory()
    const broken = async function* (): AsyncIterable<Uint8Array> {
      yield BYTES
      throw new Error('connection lost')
    }
    await expect(new BlobStore(directory).write(broken())).rejects.toThrow('connection lost')
    expect(await readdir(directory)).toEqual([])
  })

  it('has no blob under its name while it is being written, and does not list the unfinished file', async () => {
    const directory = await temporaryDirectory()
    const store = new BlobStore(directory)
    let during: readonly string[] = []
    const observed = async function* (): AsyncIterable<Uint8Array> {
      yield BYTES
      during = await readdir(directory)
      expect(await store.list()).toEqual([])
      expect(await store.has(BLOB)).toBe(false)
    }
    await store.write(observed(), BLOB)
    expect(during).toHaveLength(1)
    expect(during[0]).toMatch(/^\.tmp-/)
    expect(await store.has(BLOB)).toBe(true)
  })

  it('does not read a stream whose blob is there already', async () => {
    const store = new BlobStore(await temporaryDirectory())
    await store.write(chunked(BYTES), BLOB)
    const unread = async function* (): AsyncIterable<Uint8Array> {
      yield await Promise.reject(new Error('was read'))
    }
    expect(await store.write(unread(), BLOB)).toEqual(BLOB)
  })

  it('finds damage when a blob is read to its end, and is rid of it', async () => {
    const store = new BlobStore(await temporaryDirectory())
    await store.write(chunked(BYTES), BLOB)
    await writeFile(
      store.path(BLOB.digest),
      BYTES.map((byte) => byte ^ 1),
    )
    await expect(gather(store.content(BLOB).open())).rejects.toMatchObject({ code: 'image/corrupt-blob' })
    await expect(gather(store.content(BLOB).open())).rejects.toMatchObject({ code: 'image/missing-blob' })
  })

  it('replaces a blob that was cut off', async () => {
    const store = new BlobStore(await temporaryDirectory())
    await writeFile(store.path(BLOB.digest), BYTES.subarray(3))
    await expect(gather(store.content(BLOB).open())).rejects.toMatchObject({ code: 'image/corrupt-blob' })
    await store.write(chunked(BYTES), BLOB)
    expect(await readFile(store.path(BLOB.digest))).toEqual(BYTES)
  })

  it('reads a range', async () => {
    const store = new BlobStore(await temporaryDirectory())
    const blob = await store.write(chunked(BYTES))
    expect((await gather(store.content(blob).open({ start: 5, end: 10 }))).toString()).toBe('bytes')
  })
})
