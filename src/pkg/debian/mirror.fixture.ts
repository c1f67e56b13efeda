import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { createCleartextMessage, generateKey, sign, type PrivateKey } from 'openpgp'

export interface FixturePackage {
  readonly fields: Readonly<Record<string, string>>
  readonly deb: Buffer
}

export interface SuiteDescription {
  readonly packages: readonly FixturePackage[]
  readonly arch?: string
  readonly byHash?: boolean
  readonly date?: Date
  readonly validUntil?: Date
  readonly signer?: PrivateKey
}

/** Answers a request itself; the file at that path is not looked at then. */
export type Answer = (response: ServerResponse) => void

/** A Debian mirror on the loopback interface, whose files tests can change. */
export class FixtureMirror {
  /** Path below the server's root to what is served. */
  readonly files = new Map<string, Buffer | string>()
  /** Taken before files; one a request, the last one for ever. */
  readonly answers = new Map<string, Answer[]>()
  readonly requests: string[] = []
  readonly key: PrivateKey
  #port = 0
  readonly #server = createServer((request, response) => {
    const path = request.url ?? ''
    this.requests.push(path)
    const queue = this.answers.get(path)
    const answer = queue !== undefined && queue.length > 1 ? queue.shift() : queue?.[0]
    const file = this.files.get(path)
    if (answer !== undefined) answer(response)
    else if (file !== undefined) response.end(file)
    else response.writeHead(404).end('not here')
  })

  constructor(key: PrivateKey) {
    this.key = key
  }

  /** URL of the main archive; it stays when the mirror has stopped. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/debian`
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    if (this.#server.listening) {
      await new Promise((resolve) => {
        this.#server.close(resolve)
      })
    }
  }

  /** Publishes a suite: its .debs, its index, and its signed table of contents. */
  async publish(name: string, description: SuiteDescription): Promise<void> {
    const { packages, arch = 'amd64', byHash = true, date = new Date(), validUntil, signer = this.key } = description
    const root = name.endsWith('-security') ? '/debian-security' : '/debian'
    let index = ''
    for (const { fields, deb } of packages) {
      const filename = `pool/${fields['Package']}_${fields['Version']}.deb`
      this.files.set(`${root}/${filename}`, deb)
      const all = { Architecture: arch, ...fields, Filename: filename, Size: deb.length, SHA256: sha256(deb) }
      index += `${Object.entries(all)
        .map(([field, value]) => `${field}: ${value}`)
        .join('\n')}\n\n`
    }
    const compressed = gzipSync(index)
    const directory = `main/binary-${arch}`
    const path = byHash ? `${directory}/by-hash/SHA256/${sha256(compressed)}` : `${directory}/Packages.gz`
    this.files.set(`${root}/dists/${name}/${path}`, compressed)
    const release = [
      `Codename: ${name}`,
      `Date: ${date.toUTCString()}`,
      ...(validUntil === undefined ? [] : [`Valid-Until: ${validUntil.toUTCString()}`]),
      ...(byHash ? ['Acquire-By-Hash: yes'] : []),
      `Architectures: all ${arch}`,
      'Components: main',
      'SHA256:',
      ` ${sha256(compressed)} ${compressed.length} ${directory}/Packages.gz`,
    ]
    this.files.set(`${root}/dists/${name}/InRelease`, await clearsign(release.join('\n'), signer))
  }
}

export async function newKey(): Promise<PrivateKey> {
  const { privateKey } = await generateKey({ type: 'ecc', userIDs: [{ name: 'Archive' }], format: 'object' })
  return privateKey
}

async function clearsign(text: string, signingKeys: PrivateKey): Promise<string> {
  return sign({ message: await createCleartextMessage({ text }), signingKeys })
}

export function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

/** A package whose .deb is any bytes; nothing but its digest matters to the archive. */
export function fakePackage(name: string, version: string, fields: Readonly<Record<string, string>> = {}): FixturePackage {
  return { fields: { Package: name, Version: version, ...fields }, deb: Buffer.from(`${name} ${version} `.repeat(1000)) }
}
