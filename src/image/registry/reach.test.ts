import { once } from 'node:events'
import { createServer as createTcpServer, connect } from 'node:net'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../../base/exec.js'
import { parseReference } from '../reference.js'
import { temporaryDirectory } from '../test-support.js'
import { askHelper } from './credential-helper.js'
import { parseRegistryCreds } from './credentials.js'
import { statusError } from './errors.js'
import { mergeManifests } from './merge-index.js'
import { parseMirrors } from './mirrors.js'
import { proxyFor } from './proxy.js'
import { findCredentials } from './stored-credentials.js'
import { listen, testClient } from './test-support.js'

describe('proxyFor', () => {
  const environment = {
    HTTP_PROXY: 'http://plain:1',
    https_proxy: 'secure:2',
    NO_PROXY: 'a.example, .b.example,10.0.0.0/8,[fd00::1],c.example:5000',
  }
  it.each([
    ['http://x.example', 'http://plain:1/'],
    ['https://x.example', 'http://secure:2/'],
    ['https://a.example', undefined],
    ['https://sub.a.example', undefined],
    ['https://nota.example', 'http://secure:2/'],
    ['https://sub.b.example:8443', undefined],
    ['https://10.1.2.3', undefined],
    ['https://11.1.2.3', 'http://secure:2/'],
    ['https://[fd00::1]', undefined],
    ['https://c.example:5000', undefined],
    ['https://c.example', 'http://secure:2/'],
    ['http://localhost:5000', undefined],
    ['http://127.0.0.1:5000', undefined],
  ])('%s goes through %s', (url, proxy) => expect(proxyFor(new URL(url), environment)?.href).toBe(proxy))

  it('does not repeat a password that stands in a variable it cannot read', () => {
    expect(() => proxyFor(new URL('https://x'), { HTTPS_PROXY: 'socks5://user:secret@proxy' })).toThrow(/^(?!.*secret).*HTTPS_PROXY/)
  })
})

describe('a proxy', () => {
  const manifest = '{"schemaVersion":2,"manifests":[]}'

  it('is asked for plain HTTP with the whole URL, and logged in to', async () => {
    await using proxy = await listen((_request, response) => response.end(manifest))
    const seen: (string | undefined)[] = []
    proxy.server.on('request', ({ headers }) => seen.push(headers['proxy-authorization'], headers.host))
    const client = testClient('/nonexistent', {
      mirrors: parseMirrors(['http://registry.test']),
      environment: { HTTP_PROXY: `http://me:pass%3Aword@${proxy.host}` },
    })
    expect((await client.manifest(parseReference('app:1'))).bytes.toString()).toBe(manifest)
    expect(proxy.seen.map(({ url }) => url)).toEqual(['http://registry.test/v2/library/app/manifests/1'])
    expect(seen).toEqual([`Basic ${Buffer.from('me:pass:word').toString('base64')}`, 'registry.test'])
  })

  it('carries TLS to the registry, which it cannot read', async () => {
    const directory = await temporaryDirectory()
    const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
    const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=DNS:registry.test']
    await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate, ...subject])
    const registry = createServer({ key: await readFile(key), cert: await readFile(certificate) }, (_request, response) =>
      response.end(manifest),
    )
    registry.listen(0, '127.0.0.1')
    await once(registry, 'listening')
    const address = registry.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    const asked: string[] = []
    const proxy = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (data: Buffer) => {
        asked.push(data.toString().split('\r\n')[0] ?? '')
        const upstream = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
        upstream.on('error', () => socket.destroy())
        upstream.pipe(socket).pipe(upstream)
      })
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const proxyAddress = proxy.address()
    try {
      const client = testClient(directory, {
        environment: { HTTPS_PROXY: `http://127.0.0.1:${typeof proxyAddress === 'object' ? proxyAddress?.port : ''}` },
        certificateFiles: [certificate],
      })
      const reference = parseReference('registry.test/app:1')
      expect((await client.manifest(reference)).bytes.toString()).toBe(manifest)
      expect((await client.manifest(reference)).bytes.toString()).toBe(manifest)
      expect(asked).toEqual(['CONNECT registry.test:443 HTTP/1.1'])
    } finally {
      proxy.close()
      registry.close()
      registry.closeAllConnections()
    }
  })

  it.each([
    ['refuses', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'],
    ['does not speak HTTP', 'nonsense\r\n\r\n'],
  ])('that %s is an error that names the image', async (_title, words) => {
    const proxy = createTcpServer((socket) => socket.on('error', () => {}).once('data', () => socket.end(words)))
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const address = proxy.address()
    const environment = { HTTPS_PROXY: `http://user:secret@127.0.0.1:${typeof address === 'object' ? address?.port : ''}` }
    const client = testClient('/nonexistent', { environment })
    await expect(client.manifest(parseReference('registry.test/app:1'))).rejects.toMatchObject({
      code: 'registry/unreachable',
      message: expect.stringMatching(/^(?!.*secret).*registry\.test\/app:1/),
    })
    proxy.close()
  })
})

describe('credentials', () => {
  const signal = new AbortController().signal

  it.each([
    ['r.example=user:pass', 'r.example', { type: 'password', username: 'user', password: 'pass' }],
    ['https://index.docker.io/v1/=user:a:b=c', 'docker.io', { type: 'password', username: 'user', password: 'a:b=c' }],
    ['other=x:y,r.example:5000=token', 'r.example:5000', { type: 'registry-token', token: 'token' }],
    ['r.example=user:pass,word', 'r.example', { type: 'password', username: 'user', password: 'pass,word' }],
  ])('reads --registry-creds %s', (text, registry, credentials) => {
    expect(parseRegistryCreds([text]).get(registry)).toEqual(credentials)
  })

  it.each(['secret', 'r.example=', '=user:secret', 'r.example=:secret', 'r.example=secret:'])(
    'refuses %s and does not repeat it',
    (text) => {
      expect(() => parseRegistryCreds([text])).toThrow(/^(?!.*secret).*registry-creds/)
    },
  )

  it('finds those of a repository before those of its registry, and those of other programs when Docker has no file', async () => {
    const home = await temporaryDirectory()
    const auth = (name: string): object => ({ auth: Buffer.from(`${name}:x`).toString('base64') })
    const auths = { 'r.example': auth('registry'), 'r.example/team': auth('team'), 'https://index.docker.io/v1/': auth('hub') }
    await writeFile(join(home, 'auth.json'), JSON.stringify({ auths }))
    const find = (registry: string, repository: string) =>
      findCredentials(registry, repository, { DOCKER_CONFIG: home, REGISTRY_AUTH_FILE: join(home, 'auth.json') }, signal)
    expect(await find('r.example', 'team/app')).toMatchObject({ username: 'team' })
    expect(await find('r.example', 'app')).toMatchObject({ username: 'registry' })
    expect(await find('docker.io', 'library/app')).toMatchObject({ username: 'hub' })
    await writeFile(join(home, 'config.json'), '{"auths":{"r.example":{"identitytoken":"t"}}}')
    expect(await find('r.example', 'app')).toEqual({ type: 'identity-token', token: 't' })
    expect(await find('docker.io', 'library/app')).toBe(undefined)
    await writeFile(join(home, 'config.json'), '{"auths": secret')
    await expect(find('r.example', 'app')).rejects.toMatchObject({ message: expect.stringContaining(join(home, 'config.json')) })
  })

  it.each([
    [
      'gives a password',
      'read server; echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"$server\\"}"',
      { type: 'password', username: 'u', password: 'r.example' },
    ],
    ['gives a token', 'echo \'{"Username":"<token>","Secret":"s"}\'', { type: 'identity-token', token: 's' }],
    ['has none', 'echo "credentials not found in native keychain"; exit 1', undefined],
  ])('asks a helper that %s', async (_title, script, expected) => {
    const found = await withHelper(script, (helper) => askHelper(helper, 'r.example', '/etc/config.json', signal))
    expect(found).toEqual(expected)
  })

  it.each([
    ['fails', 'echo "the keychain is locked"; exit 1', 'fails with status 1: the keychain is locked', 'docker login r.example'],
    ['fails and tells too much', 'echo \'{"Secret":"secret"}\'; exit 1', 'fails with status 1', 'docker login r.example'],
    ['talks', 'echo hello', 'answers with what is not JSON', 'out of /etc/config.json'],
    ['hangs', 'exec sleep 60', 'does not answer within 0.2 seconds', 'out of /etc/config.json'],
  ])('says what to do about a helper that %s', async (_title, script, reason, hint) => {
    const asked = withHelper(script, (helper) => askHelper(helper, 'r.example', '/etc/config.json', signal, 200))
    await expect(asked).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(`^the credential helper docker-credential-.*, which /etc/config.json names, ${reason}$`)),
      hint: expect.stringContaining(hint),
    })
  })

  it.each([
    ['not-installed', 'is not installed'],
    ['../evil', 'cannot be the name of a program'],
  ])('says that the helper %s %s', async (helper, reason) => {
    await expect(askHelper(helper, 'r.example', '/etc/config.json', signal)).rejects.toMatchObject({
      message: expect.stringContaining(reason),
    })
  })
})

let helpers = 0

/** Runs something with a credential helper in the PATH. */
async function withHelper<Result>(script: string, work: (helper: string) => Promise<Result>): Promise<Result> {
  const directory = join(await temporaryDirectory(), 'bin')
  helpers += 1
  const helper = `test-${process.pid}-${helpers}`
  const program = join(directory, `docker-credential-${helper}`)
  await mkdir(directory)
  await writeFile(program, `#!/bin/sh\n${script}\n`)
  await chmod(program, 0o755)
  const path = process.env['PATH']
  process.env['PATH'] = `${directory}:${path}`
  try {
    return await work(helper)
  } finally {
    process.env['PATH'] = path
  }
}

describe('statusError', () => {
  const refusal = (status: number, retryAfter?: string) => statusError('app:1', 'r.example', { status, header: () => retryAfter })
  it.each([
    [429, '7', true, 7000],
    [503, undefined, true, 0],
    [429, '3600', false, 3_600_000],
    [503, 'soon', true, 0],
    [404, '7', false, 0],
  ])('of %i with Retry-After %s', (status, retryAfter, transient, milliseconds) => {
    expect(refusal(status, retryAfter)).toMatchObject({ transient, retryAfter: milliseconds, message: expect.stringContaining('app:1') })
  })

  it('reads a date', () => {
    const { retryAfter, transient } = refusal(429, new Date(Date.now() + 30_000).toUTCString())
    expect(transient).toBe(true)
    expect(retryAfter).toBeGreaterThan(10_000)
    expect(refusal(429, new Date(0).toUTCString()).retryAfter).toBe(0)
  })
})

describe('mergeManifests', () => {
  const image = (name: string, architecture: string, variant?: string) =>
    ({ mediaType: 'm', digest: `sha256:${name}`, size: 1, platform: { os: 'linux', architecture, variant } }) as const
  const about = (name: string, subject: string) =>
    ({
      mediaType: 'm',
      digest: `sha256:${name}`,
      size: 1,
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.digest': `sha256:${subject}` },
    }) as const
  const digests = (...args: Parameters<typeof mergeManifests>) => mergeManifests(...args).map(({ digest }) => digest.slice(7))

  it('prefers ours, keeps other platforms, and drops what is about images that are gone', () => {
    const theirs = [image('old', 'amd64'), image('arm', 'arm64'), about('of-old', 'old'), about('of-arm', 'arm')]
    expect(digests([image('new', 'amd64'), about('of-new', 'new')], theirs)).toEqual(['new', 'of-new', 'arm', 'of-arm'])
    expect(digests([image('v6', 'arm', 'v6')], [image('v7', 'arm', 'v7'), image('v6', 'arm', 'v6')])).toEqual(['v6', 'v7'])
    expect(digests([image('new', 'amd64')], [])).toEqual(['new'])
  })
})
