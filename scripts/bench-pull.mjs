// Measures pulling and pushing an image of 20 layers between this machine and a registry on it, beside "skopeo copy" in the same run, and prints a table.
// Usage: node scripts/bench-pull.mjs [ROUNDS [MEGABYTES]]   Needs dist/, and Debian's docker-registry, skopeo and time.
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from './measure.mjs'

const rounds = Number(process.argv[2] ?? 5)
const megabytes = Number(process.argv[3] ?? 1000)
const LAYERS = 20
const cli = resolve('dist/linuxkit.cjs')
const scratch = await mkdtemp(join(tmpdir(), 'linuxkit-bench-pull-'))

/** Starts a registry on a free port. @returns its process and that port */
async function startRegistry() {
  const config = join(scratch, 'registry.yml')
  const log = await open(join(scratch, 'registry.log'), 'w+')
  const filesystem = { rootdirectory: join(scratch, 'registry') }
  await writeFile(config, JSON.stringify({ version: 0.1, storage: { filesystem }, http: { addr: '127.0.0.1:0' } }))
  // Its log goes to a file: nobody would read a pipe while a command is measured.
  const registry = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', log.fd] })
  await log.close()
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = /listening on [^ ]*:(\d+)/.exec(await readFile(join(scratch, 'registry.log'), 'utf8'))?.[1]
    if (port !== undefined) return { registry, port }
    await sleep(100)
  }
  throw new Error('the registry does not start')
}

/** Writes an OCI image layout of layers that cannot be compressed. */
async function writeLayout(directory) {
  const blobs = join(directory, 'blobs', 'sha256')
  await mkdir(blobs, { recursive: true })
  const store = async (bytes, mediaType) => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    await writeFile(join(blobs, hex), bytes)
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
  }
  const layers = []
  for (let layer = 0; layer < LAYERS; layer += 1) {
    layers.push(await store(randomBytes((megabytes * 1e6) / LAYERS), 'application/vnd.oci.image.layer.v1.tar'))
  }
  const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) } }
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: await store(Buffer.from(JSON.stringify(config)), 'application/vnd.oci.image.config.v1+json'),
    layers,
  }
  const root = await store(Buffer.from(JSON.stringify(manifest)), manifest.mediaType)
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  const named = { ...root, annotations: { 'org.opencontainers.image.ref.name': 'app' } }
  await writeFile(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }))
}

const { registry, port } = await startRegistry()
try {
  const layout = join(scratch, 'layout')
  await writeLayout(layout)
  const skopeo = (...args) => run('skopeo', ['--insecure-policy', 'copy', '--quiet', ...args])
  const cache = join(scratch, 'cache')
  const linuxkit = (...args) => run(process.execPath, [cli, '--cache', cache, '-q', 'cache', ...args])
  const copy = join(scratch, 'copy')
  const anew = (directory) => rm(directory, { recursive: true, force: true })
  skopeo('--dest-tls-verify=false', `oci:${layout}:app`, `docker://127.0.0.1:${port}/skopeo/app:1`)
  let round = 0
  const rows = [
    {
      name: 'skopeo copy',
      prepare: () => anew(copy),
      sample: () => skopeo('--src-tls-verify=false', `docker://127.0.0.1:${port}/skopeo/app:1`, `oci:${copy}:app`),
    },
    {
      name: 'linuxkit cache pull',
      prepare: () => anew(cache),
      sample: () => linuxkit('pull', `127.0.0.1:${port}/skopeo/app:1`),
    },
    {
      // By another name of the host, so that nothing can be mounted from the repository that it was pulled from.
      name: 'linuxkit cache push',
      sample: () => linuxkit('push', '--remote-name', `localhost:${port}/linuxkit/app${round}:1`, `127.0.0.1:${port}/skopeo/app:1`),
    },
  ]
  const samples = rows.map(() => [])
  // One sample of every row in each round, so that what else the machine does falls on all of them.
  for (; round < rounds; round += 1) {
    for (const [index, { prepare, sample }] of rows.entries()) {
      await prepare?.()
      samples[index].push(sample())
    }
  }
  console.log(
    `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, ${megabytes} MB, ${LAYERS} layers, ${rounds} rounds\n`,
  )
  console.log('| what | least | median | throughput | memory |\n|---|---|---|---|---|')
  for (const [index, { name }] of rows.entries()) {
    const times = samples[index].map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
    const memory = Math.max(...samples[index].map(({ megabytes }) => megabytes))
    const median = times[times.length >> 1]
    const throughput = `${Math.round(megabytes / (median / 1000))} MB/s`
    console.log(`| ${name} | ${Math.round(times[0])} ms | ${Math.round(median)} ms | ${throughput} | ${Math.round(memory)} MB |`)
  }
} finally {
  registry.kill()
  await rm(scratch, { recursive: true, force: true })
}
