import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../test-support.js'
import { engineEndpoint } from './endpoint.js'

/** The directory of docker's configuration, with a context in it. */
async function configuration(meta: unknown, current?: string): Promise<string> {
  const directory = await temporaryDirectory()
  const id = createHash('sha256').update('far').digest('hex')
  const [metaDirectory, tlsDirectory] = [join(directory, 'contexts', 'meta', id), join(directory, 'contexts', 'tls', id, 'docker')]
  await mkdir(metaDirectory, { recursive: true })
  await mkdir(tlsDirectory, { recursive: true })
  await writeFile(join(metaDirectory, 'meta.json'), JSON.stringify({ Name: 'far', Metadata: {}, Endpoints: { docker: meta } }))
  await writeFile(join(tlsDirectory, 'ca.pem'), 'CA')
  await writeFile(join(directory, 'config.json'), JSON.stringify(current === undefined ? {} : { currentContext: current }))
  return directory
}

const FAR = { Host: 'tcp://far.example:2376', SkipTLSVerify: false }

describe('engineEndpoint', () => {
  it.each([
    ['unix:///run/user/1000/docker.sock', { type: 'socket', path: '/run/user/1000/docker.sock' }],
    ['tcp://127.0.0.1', { type: 'tcp', host: '127.0.0.1', port: 2375 }],
    ['tcp://[::1]:99', { type: 'tcp', host: '::1', port: 99 }],
    ['https://engine.example', { type: 'tcp', host: 'engine.example', port: 443, tls: { verify: true } }],
  ])('reads DOCKER_HOST=%s', async (host, endpoint) => {
    const directory = await configuration(FAR, 'far')
    expect(await engineEndpoint({ DOCKER_CONFIG: directory, DOCKER_HOST: host, DOCKER_CONTEXT: 'far' })).toEqual(endpoint)
  })

  it.each(['ssh://user@host', 'npipe:////./pipe/docker_engine', 'nonsense', 'tcp://'])('refuses %s with a hint', async (host) => {
    await expect(engineEndpoint({ DOCKER_HOST: host })).rejects.toMatchObject({ code: 'engine/bad-host', hint: expect.any(String) })
  })

  it('takes certificates from DOCKER_CERT_PATH', async () => {
    const directory = await temporaryDirectory()
    for (const name of ['ca', 'cert', 'key']) await writeFile(join(directory, `${name}.pem`), name)
    const host = { DOCKER_HOST: 'tcp://engine.example', DOCKER_CERT_PATH: directory }
    const tls = { ca: Buffer.from('ca'), cert: Buffer.from('cert'), key: Buffer.from('key') }
    expect(await engineEndpoint({ ...host, DOCKER_TLS_VERIFY: '1' })).toMatchObject({ port: 2376, tls: { ...tls, verify: true } })
    expect(await engineEndpoint(host)).toMatchObject({ port: 2376, tls: { ...tls, verify: false } })
  })

  it('follows the context of the configuration, or of DOCKER_CONTEXT', async () => {
    const far = { type: 'tcp', host: 'far.example', port: 2376, tls: { ca: Buffer.from('CA'), verify: true } }
    expect(await engineEndpoint({ DOCKER_CONFIG: await configuration(FAR, 'far') })).toMatchObject(far)
    const unused = await configuration(FAR)
    expect(await engineEndpoint({ DOCKER_CONFIG: unused, DOCKER_CONTEXT: 'far' })).toMatchObject(far)
    const standard = { type: 'socket', path: '/var/run/docker.sock' }
    expect(await engineEndpoint({ DOCKER_CONFIG: unused })).toEqual(standard)
    expect(await engineEndpoint({ DOCKER_CONFIG: await configuration(FAR, 'far'), DOCKER_CONTEXT: 'default' })).toEqual(standard)
    expect(await engineEndpoint({ HOME: await temporaryDirectory() })).toEqual(standard)
  })

  it('names a context that is not there, and a file that makes no sense', async () => {
    const directory = await configuration({ Host: 7 }, 'near')
    await expect(engineEndpoint({ DOCKER_CONFIG: directory })).rejects.toMatchObject({ code: 'engine/no-context' })
    await expect(engineEndpoint({ DOCKER_CONFIG: directory, DOCKER_CONTEXT: 'far' })).rejects.toMatchObject({ code: 'image/bad-json' })
  })
})
