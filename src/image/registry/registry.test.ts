import { createPrivateKey, sign, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../base/exec.js'
import { silent, type ProgressEvent } from '../../base/progress.js'
import type { ImageCache } from '../cache.js'
import { isIndex, type Descriptor } from '../oci.js'
import { parseReference } from '../reference.js'
import { temporaryCache, temporaryDirectory } from '../test-support.js'
import type { RegistryClient } from './client.js'
import { parseRegistryCreds } from './credentials.js'
import { parseMirrors } from './mirrors.js'
import { pullImage } from './pull.js'
import { pushImage, type PushOptions } from './push.js'
import {
  cachedDigests,
  copiedBySkopeo,
  listen,
  passOn,
  platformsInRegistry,
  startRegistry,
  storeIndex,
  testClient,
} from './test-support.js'

const PLAIN = ['--tls-verify=false']
const PLAIN_COPY = ['--src-tls-verify=false']

let scratch: string
let plain: Awaited<ReturnType<typeof startRegistry>>
let repositories = 0

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'linuxkit-registry-'))
  plain = await startRegistry(scratch)
})

afterAll(async () => {
  await plain[Symbol.asyncDispose]()
  await rm(scratch, { recursive: true, force: true })
})

/** A repository that no other test knows. */
function newName(host = plain.host): string {
  repositories += 1
  return `${host}/org/app${repositories}:1`
}

async function push(cache: ImageCache, client: RegistryClient, local: string, remote = local, options: Partial<PushOptions> = {}) {
  const rest = { override: false, merge: true, archTags: false, progress: silent, ...options }
  await pushImage(parseReference(local), parseReference(remote), { cache, client, ...rest })
}

async function pull(cache: ImageCache, client: RegistryClient, name: string, architecture: string): Promise<void> {
  await pullImage(parseReference(name), { cache, client, platform: { os: 'linux', architecture }, progress: silent })
}

/** The digests of the image for one platform, and of the index that it is in. */
async function imageDigests(cache: ImageCache, root: Descriptor, architecture: string): Promise<readonly string[]> {
  const index = await cache.readIndexOrManifest(root)
  const image = isIndex(index) ? index.manifests.find(({ platform }) => platform?.architecture === architecture) : root
  return image === undefined ? [] : [...(await cache.inventory(image)).present.keys()].sort()
}

describe('a registry without TLS', () => {
  it('gives an image to skopeo, and to an empty cache, as it was pushed', async () => {
    const cache = await temporaryCache()
    const name = newName()
    const root = await storeIndex(cache, name, ['amd64', 'arm64'], 1_200_000)
    const client = testClient(scratch)
    await push(cache, client, name)
    expect(await copiedBySkopeo(name, PLAIN_COPY)).toEqual(await cachedDigests(cache, name))
    const elsewhere = await temporaryCache()
    await pull(elsewhere, testClient(scratch), name, 'arm64')
    expect((await elsewhere.resolve(parseReference(name)))?.digest).toBe(root.digest)
    const copied = new Set((await elsewhere.blobs.list()).map(({ digest }) => digest as string))
    expect([...copied].sort()).toEqual([...new Set([...(await imageDigests(cache, root, 'arm64')), root.digest])].sort())
  })

  it('takes back what was pulled for one platform: the index as it is where it is whole, else what the cache has', async () => {
    const cache = await temporaryCache()
    const [name, copy] = [newName(), newName()]
    await storeIndex(cache, name, ['amd64', 'arm64'])
    const client = testClient(scratch)
    await push(cache, client, name)
    const partial = await temporaryCache()
    await pull(partial, client, name, 'amd64')
    const warnings: ProgressEvent[] = []
    await push(partial, client, name, copy, { progress: (event) => event.type === 'warning' && warnings.push(event) })
    expect(await platformsInRegistry(copy, PLAIN)).toEqual(['amd64'])
    expect(warnings).toEqual([{ type: 'warning', message: expect.stringContaining('linux/arm64 will not be pushed') }])
    await push(partial, client, name, name, { override: true })
    expect(await platformsInRegistry(name, PLAIN)).toEqual(['amd64', 'arm64'])
  })

  it('leaves a tag alone, merges indexes when it may override, and replaces them when told to', async () => {
    const name = newName()
    const client = testClient(scratch)
    const [first, second] = [await temporaryCache(), await temporaryCache()]
    await storeIndex(first, name, ['amd64', 'riscv64'])
    await storeIndex(second, name, ['arm64', 'amd64'], 50_000)
    await push(first, client, name)
    const messages: string[] = []
    await push(second, client, name, name, { progress: (event) => event.type === 'finish' && messages.push(event.note ?? '') })
    expect(messages).toEqual([expect.stringContaining('already exists in the registry, skipping')])
    expect(await platformsInRegistry(name, PLAIN)).toEqual(['amd64', 'riscv64'])
    await push(second, client, name, name, { override: true })
    expect(await platformsInRegistry(name, PLAIN)).toEqual(['arm64', 'amd64', 'riscv64'])
    await copiedBySkopeo(name, PLAIN_COPY)
    await push(second, client, name, name, { override: true, merge: false })
    expect(await copiedBySkopeo(name, PLAIN_COPY)).toEqual(await cachedDigests(second, name))
  })

  it('gets a tag for each architecture, also when the index is there already', async () => {
    const cache = await temporaryCache()
    const name = newName()
    const root = await storeIndex(cache, name, ['amd64', 'arm64'])
    await push(cache, testClient(scratch), name)
    await push(cache, testClient(scratch), name, name, { archTags: true })
    for (const architecture of ['amd64', 'arm64']) {
      expect(await copiedBySkopeo(`${name}-${architecture}`, PLAIN_COPY)).toEqual(await imageDigests(cache, root, architecture))
      expect(await cachedDigests(cache, `${name}-${architecture}`)).toEqual(await imageDigests(cache, root, architecture))
    }
  })

  it('mounts what another of its repositories has, and is sent no blob twice', async () => {
    const cache = await temporaryCache()
    const [name, copy] = [newName(), newName()]
    await storeIndex(cache, name, ['amd64'])
    await using proxy = await listen((request, response) => {
      void passOn(request, response, plain.host)
    })
    const through = (text: string): string => text.replace(plain.host, proxy.host)
    await cache.updateNames(async (names) => ({
      names: names.map((named) => ({ ...named, name: through(named.name) })),
      result: undefined,
    }))
    await push(cache, testClient(scratch), through(name))
    const sent = proxy.seen.length
    await push(cache, testClient(scratch), through(name), through(copy))
    const methods = proxy.seen.slice(sent).map(({ method, url }) => `${method}${/mount=/.test(url) ? ' mount' : ''}`)
    expect(methods.filter((method) => method === 'POST mount').length).toBe(3)
    expect(methods.filter((method) => method === 'POST' || method === 'PATCH')).toEqual([])
    expect(await copiedBySkopeo(copy, PLAIN_COPY)).toEqual(await cachedDigests(cache, through(name)))
  })

  it('refuses what is not in the cache, not complete, or named by digest, before anything is sent', async () => {
    const cache = await temporaryCache()
    const name = newName()
    const client = testClient(scratch)
    await expect(push(cache, client, name)).rejects.toMatchObject({ code: 'image/not-found' })
    const root = await storeIndex(cache, name, ['amd64'])
    await expect(push(cache, client, name, `${name}@${root.digest}`)).rejects.toMatchObject({ code: 'image/bad-reference' })
    const layer = (await cache.blobs.list()).find(({ size }) => size === 60_000)
    if (layer !== undefined) await cache.blobs.remove(layer.digest)
    await expect(push(cache, client, name)).rejects.toMatchObject({ code: 'image/missing-blob' })
  })
})

/** A key, and a certificate for it that is its own authority. */
async function certificate(directory: string): Promise<{ readonly key: string; readonly certificate: string }> {
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:registry.test']
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate, ...subject])
  return { key, certificate }
}

describe('a registry with a certificate of its own authority', () => {
  it('is pushed to and pulled from with --cert-file only', async () => {
    const directory = await temporaryDirectory()
    const files = await certificate(directory)
    await using registry = await startRegistry(directory, {}, { tls: files })
    // On this machine plain HTTP is spoken unless a mirror says otherwise.
    const mirrors = parseMirrors([`registry.test=https://${registry.host}`])
    const cache = await temporaryCache()
    await storeIndex(cache, 'registry.test/org/app:1', ['amd64'])
    await expect(push(cache, testClient(directory, { mirrors }), 'registry.test/org/app:1')).rejects.toMatchObject({
      code: 'registry/unreachable',
      hint: expect.stringContaining('--cert-file'),
    })
    const client = testClient(directory, { mirrors, certificateFiles: [files.certificate] })
    await push(cache, client, 'registry.test/org/app:1')
    const elsewhere = await temporaryCache()
    await pull(elsewhere, client, 'registry.test/org/app:1', 'amd64')
    const digests = await cachedDigests(cache, 'registry.test/org/app:1')
    expect(await cachedDigests(elsewhere, 'registry.test/org/app:1')).toEqual(digests)
    expect(await copiedBySkopeo(`${registry.host}/org/app:1`, PLAIN_COPY)).toEqual(digests)
  })

  it.each([
    ['is missing', undefined],
    ['holds no certificate', 'nothing'],
    ['holds a damaged certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('says so when the file %s', async (_title, text) => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'certificate.pem')
    if (text !== undefined) await writeFile(file, text)
    const client = testClient(directory, { certificateFiles: [file] })
    await expect(client.manifest(parseReference('registry.test/a:1'))).rejects.toMatchObject({
      code: 'registry/certificate',
      message: expect.stringContaining(file),
    })
  })
})

/** `user` with password `secret`, as htpasswd -B writes it. */
const HTPASSWD = 'user:$2y$05$ongF7Z7uK5XQ6MIiLdwkH.Pcy2N56FOvXse6bPCYtwor0wdTmzBlC\n'

describe('a registry that wants to know who asks', () => {
  const auth = Buffer.from('user:secret').toString('base64')

  it('is shown a password, from docker login or --registry-creds', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'htpasswd'), HTPASSWD)
    await using registry = await startRegistry(directory, { auth: { htpasswd: { realm: 'r', path: join(directory, 'htpasswd') } } })
    const cache = await temporaryCache()
    const name = newName(registry.host)
    await storeIndex(cache, name, ['amd64'])
    await expect(push(cache, testClient(directory), name)).rejects.toMatchObject({
      code: 'registry/denied',
      message: expect.stringContaining(name),
      hint: expect.stringContaining(`docker login ${registry.host}`),
    })
    await push(cache, testClient(directory, { credentials: parseRegistryCreds([`${registry.host}=user:secret`]) }), name)
    const digests = await cachedDigests(cache, name)
    expect(await copiedBySkopeo(name, [...PLAIN_COPY, '--src-creds=user:secret'])).toEqual(digests)
    await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }))
    const elsewhere = await temporaryCache()
    await pull(elsewhere, testClient(directory), name, 'amd64')
    expect(await cachedDigests(elsewhere, name)).toEqual(digests)
    await expect(
      push(cache, testClient(directory, { credentials: parseRegistryCreds([`${registry.host}=user:wrong`]) }), name),
    ).rejects.toMatchObject({ code: 'registry/denied', hint: expect.stringContaining('not accepted') })
  })

  it('is shown tokens, which a token server gives for a password or for an identity token', async () => {
    const directory = await temporaryDirectory()
    const files = await certificate(directory)
    const grants: string[] = []
    await using server = await listen((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const query =
          request.method === 'POST'
            ? new URLSearchParams(Buffer.concat(chunks).toString())
            : new URL(request.url ?? '', 'http://localhost').searchParams
        const known =
          request.method === 'POST' ? query.get('refresh_token') === 'refresh' : request.headers.authorization === `Basic ${auth}`
        const scopes = query.getAll('scope').flatMap((list) => list.split(' '))
        grants.push(`${request.method} ${scopes.join(' ')}`)
        const access = scopes.map((scope) => {
          const [type, name, actions = ''] = scope.split(':')
          return { type, name, actions: actions.split(',').filter((action) => known || action === 'pull') }
        })
        void token(files, access).then((text) => response.end(JSON.stringify({ token: text, access_token: text })))
      })
    })
    const settings = { realm: `http://${server.host}/token`, service: 's', issuer: 'i', rootcertbundle: files.certificate }
    await using registry = await startRegistry(directory, { auth: { token: settings } })
    const cache = await temporaryCache()
    const [name, copy] = [newName(registry.host), newName(registry.host)]
    await storeIndex(cache, name, ['amd64'])
    await expect(push(cache, testClient(directory), name)).rejects.toMatchObject({ code: 'registry/denied' })
    await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }))
    await push(cache, testClient(directory), name)
    const anonymous = await temporaryCache()
    await pull(anonymous, testClient(scratch), name, 'amd64')
    expect(await cachedDigests(anonymous, name)).toEqual(await cachedDigests(cache, name))
    await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [registry.host]: { identitytoken: 'refresh' } } }))
    await push(cache, testClient(directory), name, copy)
    expect(grants.some((grant) => grant.startsWith('POST') && grant.includes('pull,push'))).toBe(true)
    expect(await copiedBySkopeo(copy, PLAIN_COPY)).toEqual(await cachedDigests(cache, name))
  })
})

/** What docker-registry accepts (Distribution, "Token Authentication Implementation"). */
async function token(files: { readonly key: string; readonly certificate: string }, access: unknown): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const x5c = [new X509Certificate(await readFile(files.certificate)).raw.toString('base64')]
  const claims = { iss: 'i', sub: 'user', aud: 's', exp: now + 300, nbf: now - 10, iat: now, jti: String(now), access }
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${encode({ typ: 'JWT', alg: 'RS256', x5c })}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(text), createPrivateKey(await readFile(files.key)))
  return `${text}.${signature.toString('base64url')}`
}

describe('a mirror that pulls through', () => {
  it('serves images under the names of their registry, and takes none', async () => {
    const directory = await temporaryDirectory()
    await using mirror = await startRegistry(directory, { proxy: { remoteurl: `http://${plain.host}` } })
    const cache = await temporaryCache()
    const name = newName()
    await storeIndex(cache, name, ['amd64'])
    await push(cache, testClient(directory), name)
    const mirrors = parseMirrors([`http://${mirror.host}`])
    const elsewhere = await temporaryCache()
    await pull(elsewhere, testClient(directory, { mirrors }), name, 'amd64')
    expect(await cachedDigests(elsewhere, name)).toEqual(await cachedDigests(cache, name))
    await expect(push(cache, testClient(directory, { mirrors }), name, newName())).rejects.toMatchObject({
      message: expect.stringContaining(mirror.host),
    })
  })
})
