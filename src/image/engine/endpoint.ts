import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { isSystemError, LinuxkitError } from '../../base/errors.js'
import { JsonNode } from '../json-node.js'

/** Where a container engine listens. */
export type EngineEndpoint =
  | { readonly type: 'socket'; readonly path: string }
  | { readonly type: 'tcp'; readonly host: string; readonly port: number; readonly tls?: EngineTls | undefined }

export interface EngineTls {
  readonly ca?: Buffer | undefined
  readonly cert?: Buffer | undefined
  readonly key?: Buffer | undefined
  /** Whether the engine has to prove who it is. */
  readonly verify: boolean
}

const DEFAULT_HOST = 'unix:///var/run/docker.sock'
const DEFAULT_CONTEXT = 'default'

/**
 * The engine that the docker command would talk to: DOCKER_HOST (with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH), else the context that DOCKER_CONTEXT or
 * config.json names, else the socket of this machine (docker/cli, "docker context" and "Environment variables").
 * @throws {LinuxkitError} `engine/bad-host`, `engine/no-context`
 */
export async function engineEndpoint(environment: NodeJS.ProcessEnv): Promise<EngineEndpoint> {
  const directory = environment['DOCKER_CONFIG'] || join(environment['HOME'] || homedir(), '.docker')
  const host = environment['DOCKER_HOST'] || undefined
  if (host !== undefined) return parseHost(host, 'DOCKER_HOST', await environmentTls(environment, directory))
  const context = environment['DOCKER_CONTEXT'] || (await currentContext(join(directory, 'config.json')))
  if (context === undefined || context === DEFAULT_CONTEXT) return parseHost(DEFAULT_HOST, 'the default', undefined)
  return contextEndpoint(directory, context)
}

async function environmentTls(environment: NodeJS.ProcessEnv, directory: string): Promise<EngineTls | undefined> {
  const verify = (environment['DOCKER_TLS_VERIFY'] ?? '') !== ''
  const certificates = environment['DOCKER_CERT_PATH'] || undefined
  if (!verify && certificates === undefined) return undefined
  return { ...(await pemFiles(certificates ?? directory)), verify }
}

async function currentContext(path: string): Promise<string | undefined> {
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  return JsonNode.parse(text.toString('utf8'), path)
    .get('currentContext')
    .optional((node) => node.string())
}

/** Contexts are kept under the digest of their name (docker/cli, context store). */
async function contextEndpoint(directory: string, name: string): Promise<EngineEndpoint> {
  const id = createHash('sha256').update(name).digest('hex')
  const path = join(directory, 'contexts', 'meta', id, 'meta.json')
  const text = await readIfThere(path)
  if (text === undefined) {
    throw new LinuxkitError('engine/no-context', `there is no docker context "${name}"`, { hint: 'see "docker context ls"' })
  }
  const docker = JsonNode.parse(text.toString('utf8'), path).get('Endpoints').get('docker')
  const skipVerification = docker.get('SkipTLSVerify').optional((node) => node.boolean()) ?? false
  const pem = await pemFiles(join(directory, 'contexts', 'tls', id, 'docker'))
  const tls = pem.ca !== undefined || pem.cert !== undefined || skipVerification ? { ...pem, verify: !skipVerification } : undefined
  return parseHost(docker.get('Host').string(), `the docker context "${name}"`, tls)
}

async function pemFiles(directory: string): Promise<Omit<EngineTls, 'verify'>> {
  const [ca, cert, key] = await Promise.all(['ca', 'cert', 'key'].map((name) => readIfThere(join(directory, `${name}.pem`))))
  return { ca, cert, key }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined
    throw error
  })
}

function parseHost(host: string, source: string, tls: EngineTls | undefined): EngineEndpoint {
  if (host.startsWith('unix://')) return { type: 'socket', path: host.slice('unix://'.length) }
  const url = URL.canParse(host) ? new URL(host) : undefined
  if (url !== undefined && ['tcp:', 'http:', 'https:'].includes(url.protocol) && url.hostname !== '') {
    const secure = tls ?? (url.protocol === 'https:' ? { verify: true } : undefined)
    const standard = { 'tcp:': secure === undefined ? 2375 : 2376, 'http:': 80, 'https:': 443 }[url.protocol] ?? 0
    const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
    return { type: 'tcp', host: name, port: url.port === '' ? standard : Number(url.port), tls: secure }
  }
  throw new LinuxkitError(
    'engine/bad-host',
    `${source} says that the container engine is at "${host}", which cannot be reached from here`,
    {
      hint: host.startsWith('ssh:')
        ? 'forward its socket: ssh -L /tmp/docker.sock:/var/run/docker.sock HOST, and DOCKER_HOST=unix:///tmp/docker.sock'
        : 'write it like unix:///var/run/docker.sock or tcp://host:2376',
    },
  )
}
