import { createServer, type Server } from 'node:https'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../../archive/test-support.js'
import { temporaryDirectory } from '../test-support.js'
import { EngineClient } from './client.js'
import { engineEndpoint } from './endpoint.js'

const SIGNAL = new AbortController().signal
const IMAGE = { Id: `sha256:${'1'.repeat(64)}`, Os: 'linux', Architecture: 'amd64' }

let server: Server
let certificates: string
let environment: NodeJS.ProcessEnv

/** An engine that wants to know who asks, as they do that are reached over the network. */
beforeEach(async () => {
  certificates = await temporaryDirectory()
  const [key, cert, ca] = ['key', 'cert', 'ca'].map((name) => join(certificates, `${name}.pem`)) as [string, string, string]
  const subject = ['-subj', '/CN=engine', '-addext', 'subjectAltName=DNS:localhost']
  run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    ...subject,
  ])
  run('cp', [cert, ca])
  const pem = { key: await readFile(key), cert: await readFile(cert) }
  server = createServer({ ...pem, ca: pem.cert, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const { authorized } = request.socket as TLSSocket
    if (!authorized) response.writeHead(403).end('{"message":"who are you?"}')
    else response.writeHead(200).end(JSON.stringify(IMAGE))
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  environment = { DOCKER_HOST: `tcp://localhost:${(server.address() as AddressInfo).port}`, DOCKER_TLS_VERIFY: '1' }
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

async function inspect(certificatePath: string) {
  const endpoint = await engineEndpoint({ ...environment, DOCKER_CERT_PATH: certificatePath })
  return new EngineClient({ endpoint, signal: SIGNAL }).inspect('docker.io/org/app:v1')
}

describe('EngineClient', () => {
  it('shows its certificate to an engine that it trusts', async () => {
    expect(await inspect(certificates)).toEqual({ id: IMAGE.Id, os: 'linux', architecture: 'amd64' })
  })

  it('does not talk to an engine that it does not trust', async () => {
    await expect(inspect(await temporaryDirectory())).rejects.toMatchObject({ code: 'engine/unreachable' })
  })

  it("gives the engine's reason", async () => {
    const stranger = await temporaryDirectory()
    run('cp', [join(certificates, 'ca.pem'), stranger])
    await expect(inspect(stranger)).rejects.toMatchObject({ code: 'engine/status', message: expect.stringContaining('who are you?') })
  })
})
