import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LinuxkitError } from '../../base/errors.js'
import { silent } from '../../base/progress.js'
import { openCache } from '../cache.js'
import { parseReference } from '../reference.js'
import { temporaryDirectory } from '../test-support.js'
import { pullImage } from './pull.js'
import { pushImage } from './push.js'
import {
  copiedBySkopeo,
  cachedDigests,
  faultsOfCache,
  listen,
  noise,
  passOn,
  startRegistry,
  storeIndex,
  testClient,
} from './test-support.js'
import type { Body } from './test-support.js'

/** How often each fault is tried; the table that these tests write into FAULT_TABLE is made with 20. */
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 1)
const SECRET = 'zwölf-Secrets'
const AUTH = Buffer.from(`user:${SECRET}`, 'utf8').toString('base64')

let scratch: string
let registry: Awaited<ReturnType<typeof startRegistry>>
/** Of the image that is pulled. */
let digests: readonly string[]
let stranger: Awaited<ReturnType<typeof listen>>
const table = new Map<string, Map<string, number>>()

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'linuxkit-faults-'))
  registry = await startRegistry(scratch)
  const source = await openCache(join(scratch, 'source'))
  const name = `${registry.host}/org/app:1`
  await storeIndex(source, name, ['amd64'])
  const options = { override: false, merge: true, archTags: false, progress: silent }
  await pushImage(parseReference(name), parseReference(name), { cache: source, client: testClient(scratch), ...options })
  digests = await cachedDigests(source, name)
  // Another host that answers whatever it is asked, be it for a blob or for a token.
  stranger = await listen((request, response) => {
    const path = request.url ?? ''
    if (path.startsWith('/token')) response.end('{"token":"of-the-stranger"}')
    else void passOn(request, response, registry.host)
  }, '127.0.0.2')
})

afterAll(async () => {
  const file = process.env['FAULT_TABLE']
  const rows = [...table].map(
    ([title, outcomes]) => `| ${title} | ${[...outcomes].map(([text, count]) => `${count} × ${text}`).join('; ')} |`,
  )
  if (file !== undefined) await writeFile(file, ['| fault | outcome |', '|---|---|', ...rows, ''].join('\n'))
  await stranger[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
  await rm(scratch, { recursive: true, force: true })
}, 60_000)

interface Fault {
  readonly title: string
  /** Whether the command ends right in spite of it; else the code of the error. */
  readonly pull: true | string
  readonly push: true | string
  /** Whether only the first request of each kind fails. */
  readonly once?: boolean
  /** Which requests fail; all by default. */
  readonly only?: RegExp
  /** Answers in place of the registry, or passes on with a change. */
  readonly strike: (request: IncomingMessage, response: ServerResponse) => unknown
}

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}) =>
  (_request: IncomingMessage, response: ServerResponse) =>
    response.writeHead(code, headers).end()
const change =
  (answer: Body, headers = {}) =>
  (request: IncomingMessage, response: ServerResponse) =>
    passOn(request, response, registry.host, { answer, headers })
const drop = (_request: IncomingMessage, response: ServerResponse) => response.socket?.destroy()

/** Half of it, and then the end of the connection. */
const half: Body = async function* (chunks) {
  for await (const chunk of chunks) {
    yield chunk.subarray(0, chunk.length >> 1)
    throw new Error('cut')
  }
}
const corrupt: Body = async function* (chunks) {
  for await (const chunk of chunks) {
    const wrong = Buffer.from(chunk)
    wrong[wrong.length >> 1] = (wrong[wrong.length >> 1] ?? 0) ^ 1
    yield wrong
  }
}
const short: Body = async function* (chunks) {
  for await (const chunk of chunks) yield chunk.subarray(0, chunk.length - 1)
}
/** Without a length, so that only what it says tells its end. */
const unbounded = (stream: (response: ServerResponse) => void) => (request: IncomingMessage, response: ServerResponse) => {
  request.resume()
  response.writeHead(request.method === 'PUT' ? 500 : 200, { 'content-type': 'application/octet-stream' })
  stream(response)
}
const trickle = (response: ServerResponse) => {
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
}
const flood = (response: ServerResponse) => {
  const chunk = noise(1 << 16)
  const pour = (): void => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', pour)
  pour()
}

const BLOBS = /^GET blobs$/

const FAULTS: readonly Fault[] = [
  { title: 'connection dropped before the answer', once: true, pull: true, push: true, strike: drop },
  {
    title: 'connection dropped after the registry has acted',
    once: true,
    pull: true,
    push: true,
    strike: (request, response) => passOn(request, response, registry.host, { lose: true }),
  },
  { title: 'every connection dropped', pull: 'registry/unreachable', push: 'registry/unreachable', strike: drop },
  {
    title: 'connection dropped amid what is sent',
    once: true,
    pull: true,
    push: true,
    strike: (request, response) => passOn(request, response, registry.host, { question: half }),
  },
  { title: 'answers cut off', once: true, pull: true, push: true, strike: change(half) },
  { title: '429, Retry-After', once: true, pull: true, push: true, strike: status(429, { 'retry-after': '0' }) },
  { title: '429, Retry-After an hour', pull: 'registry/status', push: 'registry/status', strike: status(429, { 'retry-after': '3600' }) },
  { title: '500 once', once: true, pull: true, push: true, strike: status(500) },
  { title: '500 always', pull: 'registry/status', push: 'registry/status', strike: status(500) },
  { title: '408 once', once: true, pull: true, push: true, strike: status(408) },
  { title: '403', pull: 'registry/denied', push: 'registry/denied', strike: status(403) },
  {
    title: 'not HTTP',
    pull: 'registry/unreachable',
    push: 'registry/unreachable',
    strike: (_request, response) => response.socket?.end('220 mail.example ESMTP\r\n'),
  },
  { title: 'damaged once', once: true, pull: true, push: true, strike: change(corrupt) },
  { title: 'answers always damaged', pull: 'image/corrupt-blob', push: true, strike: change(corrupt) },
  { title: 'layers always damaged', only: BLOBS, pull: 'image/digest-mismatch', push: true, strike: change(corrupt) },
  { title: 'answers a byte short', pull: 'image/corrupt-blob', push: true, strike: change(short) },
  { title: 'layers a byte short', only: BLOBS, pull: 'registry/cut-off', push: true, strike: change(short) },
  {
    title: 'what is sent arrives damaged',
    pull: true,
    push: 'registry/status',
    strike: (request, response) => passOn(request, response, registry.host, { question: corrupt }),
  },
  {
    title: 'the digest of another manifest',
    pull: 'image/corrupt-blob',
    push: true,
    strike: change((chunks) => chunks, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }),
  },
  { title: 'no answer', pull: 'registry/stalled', push: 'registry/stalled', strike: (request) => request.resume() },
  { title: 'a byte now and then for ever', pull: 'registry/stalled', push: 'registry/stalled', strike: unbounded(trickle) },
  { title: 'layers of a byte now and then', only: BLOBS, pull: 'registry/stalled', push: true, strike: unbounded(trickle) },
  { title: 'endless layers', only: BLOBS, pull: 'image/digest-mismatch', push: true, strike: unbounded(flood) },
  { title: 'an endless answer', pull: 'registry/too-large', push: 'registry/too-large', strike: unbounded(flood) },
  {
    title: 'redirected to another host',
    pull: true,
    push: true,
    strike: (request, response) => {
      request.resume()
      response.writeHead(307, { location: `http://${stranger.host}${request.url}` }).end()
    },
  },
  {
    title: 'redirected in a circle',
    pull: 'registry/redirect',
    push: 'registry/redirect',
    strike: (request, response) => {
      request.resume()
      response.writeHead(307, { location: request.url }).end()
    },
  },
  {
    title: 'a token server on another host',
    pull: 'registry/denied',
    push: 'registry/denied',
    strike: (request, response) => {
      request.resume()
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${stranger.host}/token"` }).end()
    },
  },
]

/** What a request is about: its method and the kind of its target. */
function kindOf({ method, url }: IncomingMessage): string {
  const kind = /manifests\/sha256|manifests|blobs\/uploads|blobs/.exec(url ?? '')?.[0] ?? ''
  return `${method} ${kind}${/digest=/.test(url ?? '') ? ' close' : ''}`
}

/** A proxy before the registry that wants a password, which goes no further, and has a fault. */
function faultProxy({ once = false, only = /./, strike }: Fault, struck: Set<string>) {
  return listen((request, response) => {
    if (request.headers.authorization !== `Basic ${AUTH}`) {
      // A fault of what is asked with a password is none of what is asked without.
      if (request.headers.authorization === undefined) {
        request.resume()
        response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
        return
      }
    }
    delete request.headers.authorization
    const kind = kindOf(request)
    if ((once && struck.has(kind)) || !only.test(kind)) {
      void passOn(request, response, registry.host)
      return
    }
    struck.add(kind)
    void strike(request, response)
  })
}

/** Runs a command that has to end in time, right or with a proper error. @returns the code of the error, or true */
async function outcome(work: () => Promise<unknown>, image: string, said: string[]): Promise<true | string> {
  try {
    await work()
    return true
  } catch (error) {
    said.push(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }))
    if (!(error instanceof LinuxkitError)) throw error
    if (!error.message.includes(image)) throw new Error(`the message does not name image and registry: ${error.message}`, { cause: error })
    return error.code
  }
}

function count(title: string, result: true | string): void {
  const outcomes = table.get(title) ?? new Map<string, number>()
  const text = result === true ? 'right' : `\`${result}\``
  outcomes.set(text, (outcomes.get(text) ?? 0) + 1)
  table.set(title, outcomes)
}

describe.each(FAULTS)('$title', (fault) => {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round)
  /** Short where it is going to pass, long where it must not. */
  const stallTimeout = (expected: true | string): number => (expected === 'registry/stalled' ? 60 : 10_000)

  it.each(rounds)('pull, round %i', async () => {
    const struck = new Set<string>()
    await using proxy = await faultProxy(fault, struck)
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [proxy.host]: { auth: AUTH } } }))
    const said: string[] = []
    const progress = (event: object): void => void said.push(inspect(event))
    const cache = await openCache(join(directory, 'cache'))
    const name = `${proxy.host}/org/app:1`
    const client = testClient(directory, { stallTimeout: stallTimeout(fault.pull), progress })
    const platform = { os: 'linux', architecture: 'amd64' } as const
    const result = await outcome(() => pullImage(parseReference(name), { cache, client, platform, progress }), name, said)
    count(`pull: ${fault.title}`, result)
    expect(result).toBe(fault.pull)
    expect(struck.size).toBeGreaterThan(0)
    expect(await faultsOfCache(cache)).toEqual([])
    expect(await cachedDigests(cache, name)).toEqual(result === true ? digests : [])
    expectNoSecret(said)
  })

  it.each(rounds)('push, round %i', async (round) => {
    const struck = new Set<string>()
    await using proxy = await faultProxy(fault, struck)
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [proxy.host]: { auth: AUTH } } }))
    const cache = await openCache(join(directory, 'cache'))
    // A repository of its own each time, so that everything is sent; one layer goes in pieces.
    const path = `org/push-${FAULTS.indexOf(fault)}-${round}:1`
    const name = `${proxy.host}/${path}`
    await storeIndex(cache, name, ['amd64'], round === 0 ? 1_100_000 : 60_000)
    const said: string[] = []
    const progress = (event: object): void => void said.push(inspect(event))
    const client = testClient(directory, { stallTimeout: stallTimeout(fault.push), progress })
    const options = { cache, client, override: false, merge: true, archTags: false, progress }
    const result = await outcome(() => pushImage(parseReference(name), parseReference(name), options), name, said)
    count(`push: ${fault.title}`, result)
    expect(result).toBe(fault.push)
    expect(struck.size > 0 || fault.only !== undefined).toBe(true)
    expect(await faultsOfCache(cache)).toEqual([])
    const checked = result === true && round === 0
    const copied = checked ? await copiedBySkopeo(`${registry.host}/${path}`, ['--src-tls-verify=false']) : []
    expect(copied).toEqual(checked ? await cachedDigests(cache, name) : [])
    expectNoSecret(said)
  })
})

/** Neither in what is told nor at the other host. */
function expectNoSecret(said: readonly string[]): void {
  for (const text of said) for (const secret of [SECRET, AUTH]) expect(text).not.toContain(secret)
  expect(stranger.seen.filter(({ authorization }) => authorization !== undefined)).toEqual([])
}
