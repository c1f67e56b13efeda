import { describe, expect, it } from 'vitest'
import type { RequestListener } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { bytesContent } from '../../base/content.js'
import { digestOf } from '../../base/digest.js'
import { parseReference } from '../reference.js'
import { listen, noise, testClient } from './test-support.js'

const BYTES = noise(20_000_000)
const BLOB = { digest: digestOf(BYTES), size: BYTES.length }

interface Habits {
  /** Bytes of one request that are too many. */
  readonly limit?: number
  /** Ends the connection in the middle of the first request that sends bytes. */
  readonly breaks?: boolean
  /** Whether it can tell what has arrived. */
  readonly tells?: boolean
  /** Answers before it has read what is sent. */
  readonly hasty?: number
}

/** A registry that keeps what arrives of a broken upload, as the specification allows and docker-registry does not. */
function registry({ limit = Number.POSITIVE_INFINITY, breaks = false, tells = true, hasty }: Habits) {
  const state = { stored: undefined as Buffer | undefined, received: 0 }
  let upload = Buffer.alloc(0)
  let broken = !breaks
  let session = 0
  const listener: RequestListener = (request, response) => {
    const location = `/v2/org/app/blobs/uploads/${session}`
    const range = upload.length === 0 ? {} : { range: `0-${upload.length - 1}` }
    if (request.method === 'HEAD') response.writeHead(state.stored === undefined ? 404 : 200).end()
    else if (request.method === 'POST') {
      session += 1
      upload = Buffer.alloc(0)
      response.writeHead(202, { location: `/v2/org/app/blobs/uploads/${session}` }).end()
    } else if (request.method === 'GET') {
      response.writeHead(tells ? 204 : 404, { location, ...range }).end()
    } else if (hasty !== undefined) {
      response.writeHead(hasty).end()
    } else if (Number(request.headers['content-length']) > limit) {
      response.writeHead(413).end()
      request.resume()
    } else if (!broken) {
      request.on('data', (chunk: Buffer) => {
        upload = Buffer.concat([upload, chunk])
        state.received += chunk.length
        if (upload.length > 3_000_000) {
          broken = true
          request.socket.destroy()
        }
      })
    } else {
      const begin = Number(/^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1] ?? upload.length)
      void buffer(request).then((bytes) => {
        state.received += bytes.length
        if (begin !== upload.length) return response.writeHead(416).end()
        upload = Buffer.concat([upload, bytes])
        if (request.method === 'PATCH') return response.writeHead(202, { location, range: `0-${upload.length - 1}` }).end()
        state.stored = upload
        return response.writeHead(201).end()
      })
    }
  }
  return { state, listener }
}

async function send(habits: Habits) {
  const { state, listener } = registry(habits)
  await using server = await listen(listener)
  const told: number[] = []
  const options = { progress: (done: number) => void told.push(done) }
  const reference = parseReference(`${server.host}/org/app:1`)
  const outcome = await testClient('/nonexistent')
    .uploadBlob(reference, BLOB, bytesContent(BYTES), options)
    .catch((error: unknown) => error)
  return { outcome, state, told, methods: server.seen.map(({ method }) => method) }
}

describe('upload', () => {
  it('sends a layer in one piece, and tells how far it is', async () => {
    const { outcome, state, told, methods } = await send({})
    expect(outcome).toBe('sent')
    expect(state.stored?.equals(BYTES)).toBe(true)
    expect(methods).toEqual(['HEAD', 'POST', 'PATCH', 'PUT'])
    expect(told.at(-1)).toBe(BLOB.size)
  })

  it('takes up a broken upload where the registry says it broke', async () => {
    const { outcome, state, methods } = await send({ breaks: true })
    expect(outcome).toBe('sent')
    expect(state.stored?.equals(BYTES)).toBe(true)
    expect(state.received).toBe(BLOB.size)
    expect(methods).toEqual(['HEAD', 'POST', 'PATCH', 'HEAD', 'GET', 'PATCH', 'PUT'])
  })

  it('sends all of it anew where the registry cannot say', async () => {
    const { outcome, state, methods } = await send({ breaks: true, tells: false })
    expect(outcome).toBe('sent')
    expect(state.stored?.equals(BYTES)).toBe(true)
    expect(methods).toEqual(['HEAD', 'POST', 'PATCH', 'HEAD', 'GET', 'POST', 'PATCH', 'PUT'])
  })

  it('sends chunks to a registry that finds the whole too large', async () => {
    const { outcome, state, methods } = await send({ limit: 10_000_000 })
    expect(outcome).toBe('sent')
    expect(state.stored?.equals(BYTES)).toBe(true)
    expect(methods.filter((method) => method === 'PATCH').length).toBe(4)
  })

  it.each([
    [413, 'registry/status'],
    [403, 'registry/denied'],
  ])('stops sending at once when the registry answers %i, and says so', async (hasty, code) => {
    const { outcome } = await send({ hasty })
    expect(outcome).toMatchObject({ code, message: expect.stringContaining('org/app:1') })
  })
})
