// Measures builds of examples/linuxkit.yml beside the floors of the same machine in the same run, and prints a table.
// Usage: npm run bench [-- ROUNDS]   The image's packages are built first when they are missing.
import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const rounds = Number(process.argv[2] ?? 5)
const cache = process.env.LINUXKIT_CACHE || join(homedir(), '.linuxkit', 'cache')
const cli = resolve('dist/linuxkit.cjs')
const scratch = await mkdtemp(join(tmpdir(), 'linuxkit-bench-'))
const yml = resolve('examples/linuxkit.yml')

/** Runs a command and gives its wall time in milliseconds and the most memory that it had resident, in MB. */
function run(command, args) {
  const start = performance.now()
  const result = spawnSync('/usr/bin/time', ['-f', '%M', command, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 })
  const milliseconds = performance.now() - start
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`)
  return { milliseconds, megabytes: Number(result.stderr.trim().split('\n').at(-1)) / 1024 }
}

const shell = (script) => run('sh', ['-c', script])
const build = (...args) => run(process.execPath, [cli, '--cache', cache, '-q', 'build', '--dir', scratch, ...args])

/** One sample of every row in each round, so that what else the machine does falls on all of them. */
async function measure(rows) {
  const samples = rows.map(() => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { prepare, sample }] of rows.entries()) {
      await prepare?.(round)
      samples[index].push(sample())
    }
  }
  return samples.map((list) => {
    const times = list.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
    return { least: times[0], median: times[times.length >> 1], memory: Math.max(...list.map(({ megabytes }) => megabytes)) }
  })
}

try {
  build(yml)
  const outputs = ['kernel', 'initrd.img', 'cmdline'].map((suffix) => join(scratch, `linuxkit-${suffix}`))
  const layers = join(scratch, 'layers')
  await mkdir(layers)
  const index = JSON.parse(await readFile(join(cache, 'index.json'), 'utf8'))
  const blob = async (digest) => JSON.parse(await readFile(join(cache, 'blobs', digest.replace(':', '/')), 'utf8'))
  const dry = spawnSync(process.execPath, [cli, '--cache', cache, 'build', '--dry-run', yml], { encoding: 'utf8' }).stdout
  const arch = { x64: 'amd64' }[process.arch] ?? process.arch
  for (const { digest, annotations } of index.manifests) {
    if (!dry.includes(annotations?.['org.opencontainers.image.ref.name'])) continue
    const image = (await blob(digest)).manifests.find(({ platform }) => platform.architecture === arch)
    for (const layer of (await blob(image.digest)).layers) {
      await cp(join(cache, 'blobs', layer.digest.replace(':', '/')), join(layers, layer.digest.slice(7)))
    }
  }
  const changed = join(scratch, 'changed.yml')
  await mkdir(join(scratch, 'copy'))
  const rows = [
    { name: 'node -e 0', sample: () => run(process.execPath, ['-e', '0']) },
    { name: 'cp of the outputs', sample: () => run('cp', [...outputs, join(scratch, 'copy')]) },
    { name: 'zcat layers, gzip -6', sample: () => shell(`zcat ${layers}/* | gzip -6 > /dev/null`) },
    { name: 'linuxkit --version', sample: () => run(process.execPath, [cli, '--version']) },
    { name: 'nothing changed', sample: () => build(yml) },
    {
      name: 'one file changed',
      prepare: (round) => writeFile(changed, `files:\n  - path: etc/round\n    contents: "${round} ${process.pid}"\n`),
      sample: () => build(yml, changed),
    },
    {
      name: 'nothing encoded yet',
      prepare: () => rm(join(cache, 'fragments'), { recursive: true, force: true }),
      sample: () => build(yml),
    },
    { name: 'tar', sample: () => build('--format', 'tar', yml) },
  ]
  const results = await measure(rows)
  console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, ${rounds} rounds\n`)
  console.log('| what | least | median | memory | to node + 2 cp | to gzip -6 |\n|---|---|---|---|---|---|')
  const warm = results[0].least + 2 * results[1].least
  for (const [row, { least, median, memory }] of results.entries()) {
    const cells = [rows[row].name, `${Math.round(least)} ms`, `${Math.round(median)} ms`, `${Math.round(memory)} MB`]
    console.log(`| ${[...cells, (least / warm).toFixed(2), (least / results[2].least).toFixed(2)].join(' | ')} |`)
  }
} finally {
  await rm(scratch, { recursive: true, force: true })
}
