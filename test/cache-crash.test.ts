import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, it, onTestFinished } from 'vitest'
import { digestOf } from '../src/base/digest.js'
import { readContent } from '../src/base/content.js'
import { silent } from '../src/base/progress.js'
import { openCache, type ImageCache } from '../src/image/cache.js'
import { checkCache } from '../src/image/check.js'
import { exportImage } from '../src/image/export.js'
import { collectGarbage } from '../src/image/garbage.js'
import { MEDIA_TYPE } from '../src/image/oci.js'
import { writeAtomic } from '../src/base/files.js'
import { addImage } from '../src/rootfs/test-support.js'
import { randomNumbers } from './random-numbers.js'

/** The long run by hand: LINUXKIT_CRASH_SECONDS=120 LINUXKIT_CRASH_PROCESSES=8 npx vitest run test/cache-crash.test.ts */
const SECONDS = Number(process.env['LINUXKIT_CRASH_SECONDS'] ?? 12)
const PROCESSES = Number(process.env['LINUXKIT_CRASH_PROCESSES'] ?? 2)
const SEED = Number(process.env['LINUXKIT_CRASH_SEED'] ?? Date.now() % 1_000_000)

const ACTIONS_OF_A_PROCESS = 12

interface Crowd {
  readonly started: number
  readonly killed: number
}

/** Text that compression makes little of, so that writing takes a while. */
function noise(seed: number): string {
  const random = randomNumbers(seed)
  return Array.from({ length: 300_000 }, () => random(36).toString(36)).join('')
}

/** Images for the registry: two for every tag, which moves between them. */
async function published(directory: string): Promise<ImageCache> {
  const cache = await openCache(join(directory, 'published'))
  for (let tag = 0; tag < 4; tag++) {
    for (const version of ['a', 'b']) {
      await addImage(cache, `org/app:${tag}${version}`, { [`file-${tag}`]: noise(tag), [version]: noise(tag + 10) })
    }
  }
  return cache
}

async function serve(cache: ImageCache): Promise<string> {
  const digests = new Map((await cache.names()).map(({ name, descriptor }) => [name, descriptor]))
  let requests = 0
  const server = createServer((request, response) => {
    void (async () => {
      const [kind, what = ''] = (request.url ?? '').split('/').slice(-2)
      requests += 1
      const digest = what.startsWith('sha256:') ? what : (digests.get(`docker.io/org/app:${what}${'ab'[requests & 1]}`)?.digest ?? '')
      const size = (await cache.blobs.list()).find((blob) => blob.digest === digest)?.size ?? 0
      const bytes = await readContent(cache.blob({ digest: digest as 'sha256:', size }))
      response.writeHead(200, { 'content-type': kind === 'manifests' ? MEDIA_TYPE.manifest : 'application/octet-stream' }).end(bytes)
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Keeps so many processes at work until the time is over; two of three are killed at some moment of their lives. */
async function letLoose(script: string, directory: string, mirror: string): Promise<Crowd> {
  const random = randomNumbers(SEED)
  const children = new Set<ChildProcess>()
  onTestFinished(() => children.forEach((child) => child.kill('SIGKILL')))
  const end = Date.now() + SECONDS * 1000
  let started = 0
  let killed = 0
  const succession = async (): Promise<void> => {
    while (Date.now() < end || killed === 0) {
      started += 1
      const child = spawn(process.execPath, [script, String(random(1_000_000)), directory, mirror, String(ACTIONS_OF_A_PROCESS)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      children.add(child)
      const output: Buffer[] = []
      child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
      let left = 1 + random(1.5 * ACTIONS_OF_A_PROCESS)
      const delay = random(60)
      child.stdout.on('data', (dots: Buffer) => {
        left -= dots.length
        if (left <= 0 && left + dots.length > 0) setTimeout(() => child.kill('SIGKILL'), delay)
      })
      const [status, signal] = (await once(child, 'close')) as [number | null, string | null]
      children.delete(child)
      if (signal === 'SIGKILL') killed += 1
      else if (status !== 0) throw new Error(`seed ${SEED}: ${Buffer.concat(output).toString()}`)
    }
  }
  await Promise.all(Array.from({ length: PROCESSES }, succession))
  return { started, killed }
}

it(
  `survives processes that are killed while they pull, build, import and remove (seed ${SEED})`,
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'linuxkit-crash-'))
    onTestFinished(() => rm(directory, { recursive: true, force: true }))
    const source = await published(directory)
    const mirror = await serve(source)
    for (const number of [0, 1]) {
      const archive = exportImage(
        source,
        `org/app:${number}a`,
        { format: number === 0 ? 'oci' : 'docker', platform: 'linux/amd64', name: `org/imported:${number}` },
        new AbortController().signal,
      )
      await writeAtomic(join(directory, `archive-${number}.tar`), archive)
    }
    await writeFile(join(directory, 'image.yml'), 'init: ["org/app:0", "org/app:1"]\n')
    const script = join(directory, 'worker.cjs')
    await build({
      entryPoints: [join(import.meta.dirname, 'cache-crash-worker.ts')],
      bundle: true,
      platform: 'node',
      external: ['@toondepauw/node-zstd'],
      target: 'node20',
      format: 'cjs',
      outfile: script,
      logLevel: 'error',
    })

    const crowd = await letLoose(script, directory, mirror)

    expect(crowd.killed, `seed ${SEED}`).toBeGreaterThan(0)
    const cache = await openCache(join(directory, 'cache'))
    const report = await checkCache(cache, silent, new AbortController().signal)
    expect(report, `seed ${SEED}`).toMatchObject({ damaged: [], broken: [] })
    const names = (await cache.names()).map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    await mkdir(join(directory, 'copies'))
    for (const name of names) {
      const copy = join(directory, 'copies', digestOf(name).slice(7))
      const only = name.includes('built') ? ['--multi-arch', 'index-only'] : []
      execFileSync('skopeo', ['copy', '--quiet', '--insecure-policy', ...only, `oci:${cache.directory}:${name}`, `dir:${copy}`])
    }
    // What the killed ones left is garbage, and nothing else is.
    const { kept } = await collectGarbage(cache)
    expect(kept).toBe(0)
    const { present, missing } = await cache.inventory(...(await cache.roots()))
    expect(missing.size).toBe(0)
    expect((await cache.blobs.list()).map(({ digest }) => digest)).toEqual([...present.keys()].sort())
    expect((await readdir(cache.directory)).filter((name) => name.startsWith('.'))).toEqual([])
    if (process.env['LINUXKIT_CRASH_SECONDS'] !== undefined) console.info({ ...crowd, names, seed: SEED, blobs: report.blobs })
  },
  (SECONDS + 120) * 1000,
)
