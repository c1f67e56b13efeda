// Measures builds beside the floors of the same machine in the same run, and prints a table.
// Usage: npm run bench [-- --rounds N] [--large] [--check]
//   --large  also a 10 GB image, which takes minutes and 40 GB of disk
//   --check  ends with status 1 when a ratio is beyond its bound: compares ratios, not seconds
// The packages of examples/linuxkit.yml are built first when they are missing.
import { spawnSync } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { cpus, homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build as bundle } from 'esbuild'
import { run } from './measure.mjs'

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, large: { type: 'boolean' }, check: { type: 'boolean' } },
})
const rounds = Number(flags.rounds)
const shared = process.env.LINUXKIT_CACHE || join(homedir(), '.linuxkit', 'cache')
const cli = resolve('dist/linuxkit.cjs')
const arch = { x64: 'amd64' }[process.arch] ?? process.arch
const scratch = await mkdtemp(join(tmpdir(), 'linuxkit-bench-'))
const cacheDirectory = join(scratch, 'cache')
const fragments = join(cacheDirectory, 'fragments')
const example = resolve('examples/linuxkit.yml')
/** Beside the example, because its packages are named by paths from there. */
const yml = resolve(`examples/.bench-${process.pid}.yml`)

/** All that make files of different names from the same root. */
const FORMATS =
  'kernel+initrd,iso,iso-efi,iso-efi-initrd,raw,raw-bios,raw-efi,qcow2-bios,qcow2-efi,vhd,vmdk,gcp,aws,uki,kernel+squashfs,kernel+erofs'

const shell = (script) => run('sh', ['-c', script])
const build = (...args) => run(process.execPath, [cli, '--cache', cacheDirectory, '-q', 'build', '--dir', scratch, ...args])

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/** One sample of every row in each round, so that what else the machine does falls on all of them. */
async function measure(rows) {
  const samples = rows.map(() => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { prepare, sample, once }] of rows.entries()) {
      if (once === true && round > 0) continue
      await prepare?.(round)
      samples[index].push(sample())
    }
  }
  return samples.map((list) => {
    const times = list.map(({ milliseconds }) => milliseconds)
    return { least: Math.min(...times), median: median(times), memory: Math.max(...list.map(({ megabytes }) => megabytes)) }
  })
}

/** Bytes that do not compress, the same in every run. */
function noise(size, key) {
  return createCipheriv('aes-256-ctr', createHash('sha256').update(key).digest(), Buffer.alloc(16)).update(Buffer.alloc(size))
}

/** A ustar header (POSIX.1-2017, pax). */
function header(name, size) {
  const block = Buffer.alloc(512)
  const octal = (value, at, length) => block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  block.write(name)
  octal(0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  block.write('        0', 148, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return block
}

/** Files an image of one layer, which is not compressed, with some files of noise. */
async function addImage(cache, name, files, size) {
  async function* archive() {
    for (let index = 0; index < files; index += 1) {
      yield header(`${name}-${index}`, size)
      yield noise(size, `${name} ${index}`)
      yield Buffer.alloc((512 - (size % 512)) % 512)
    }
    yield Buffer.alloc(1024)
  }
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', ...(await cache.writeBlob(archive())) }
  await addManifest(
    cache,
    `docker.io/library/${name}:1`,
    { architecture: arch, os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [layer.digest] } },
    [layer],
  )
}

async function addManifest(cache, name, config, layers) {
  const manifest = 'application/vnd.oci.image.manifest.v1+json'
  const described = await cache.writeJson(config, 'application/vnd.oci.image.config.v1+json')
  await cache.setName(name, await cache.writeJson({ schemaVersion: 2, mediaType: manifest, config: described, layers }, manifest))
}

try {
  run(process.execPath, [cli, '--cache', shared, '-q', 'build', '--dir', scratch, example])
  // A cache of its own, with the same blobs, so that emptying it costs the user nothing.
  await mkdir(cacheDirectory)
  for (const name of ['blobs', 'index.json', 'oci-layout']) await cp(join(shared, name), join(cacheDirectory, name), { recursive: true })
  await symlink(join(shared, 'debian'), join(cacheDirectory, 'debian'))
  const library = join(scratch, 'cache.cjs')
  await bundle({ entryPoints: ['src/image/cache.ts'], outfile: library, bundle: true, platform: 'node', format: 'cjs', target: 'node20' })
  const cache = await createRequire(import.meta.url)(library).openCache(cacheDirectory)

  const dry = spawnSync(process.execPath, [cli, '--cache', cacheDirectory, 'build', '--dry-run', example], { encoding: 'utf8' }).stdout
  const layers = join(scratch, 'layers')
  await mkdir(layers)
  let nginx
  for (const { name, descriptor } of await cache.names()) {
    if (!dry.includes(name.replace('docker.io/', ''))) continue
    const image = (await cache.readIndexOrManifest(descriptor)).manifests.find(({ platform }) => platform.architecture === arch)
    const manifest = await cache.readIndexOrManifest(image)
    if (name.includes('/nginx:')) nginx = { manifest, config: await cache.readConfig(manifest) }
    for (const { digest } of manifest.layers)
      await cp(join(cacheDirectory, 'blobs', digest.replace(':', '/')), join(layers, digest.slice(7)))
  }

  const changedFile = join(scratch, 'file.yml')
  const many = join(scratch, 'many.yml')
  for (let index = 0; index < 200; index += 1) await addImage(cache, `bench-${index}`, 4, 250_000)
  await writeFile(
    many,
    `services:\n${Array.from({ length: 200 }, (_, index) => `  - {name: s${index}, image: "bench-${index}:1"}\n`).join('')}`,
  )
  for (const name of ['copy', 'formats']) await mkdir(join(scratch, name))

  const outputs = ['kernel', 'initrd.img', 'cmdline'].map((suffix) => join(scratch, `linuxkit-${suffix}`))
  const cold = () => rm(fragments, { recursive: true, force: true })
  const formats = join(scratch, 'formats')
  const gzip = ['--compress', 'gzip']
  const zstd = ['--compress', 'zstd']
  const warmFloor = ({ node, copy }) => node.least + 2 * copy.least
  const rows = [
    { id: 'node', name: 'node -e 0', sample: () => run(process.execPath, ['-e', '0']) },
    // Over files that are there already, as builds replace theirs.
    {
      id: 'copy',
      name: 'cp of the outputs',
      prepare: (round) => round === 0 && run('cp', [...outputs, join(scratch, 'copy')]),
      sample: () => run('cp', [...outputs, join(scratch, 'copy')]),
    },
    { id: 'gzip', name: 'zcat layers, gzip -6', sample: () => shell(`zcat ${layers}/* | gzip -6 > /dev/null`) },
    { id: 'zstd', name: 'zcat layers, zstd -3 -T2', sample: () => shell(`zcat ${layers}/* | zstd -3 -T2 -q > /dev/null`) },
    { name: 'linuxkit --version', sample: () => run(process.execPath, [cli, '--version']), floor: ({ node }) => node.least },
    {
      name: 'nothing changed, gzip',
      prepare: () => build(...gzip, example),
      sample: () => build(...gzip, example),
      floor: warmFloor,
      margin: 50,
      bound: 1,
    },
    {
      id: 'warm',
      name: 'nothing changed, zstd',
      prepare: () => build(...zstd, example),
      sample: () => build(...zstd, example),
      floor: warmFloor,
      margin: 50,
      bound: 1,
    },
    {
      name: 'one file changed',
      prepare: (round) => writeFile(changedFile, `files:\n  - path: etc/round\n    contents: "${round} ${process.pid}"\n`),
      sample: () => build(...gzip, '--name', 'linuxkit', example, changedFile),
      floor: warmFloor,
      margin: 50,
      bound: 1,
    },
    {
      name: 'one service image changed',
      async prepare(round) {
        await addManifest(
          cache,
          'docker.io/library/bench-nginx:1',
          { ...nginx.config, author: `round ${round} ${process.pid}` },
          nginx.manifest.layers,
        )
        await writeFile(yml, (await readFile(example, 'utf8')).replace('"@pkg:../pkg/nginx"', 'bench-nginx:1'))
      },
      sample: () => build(...gzip, '--name', 'linuxkit', yml),
      floor: warmFloor,
    },
    {
      name: 'nothing encoded yet, gzip',
      prepare: cold,
      sample: () => build(...gzip, example),
      floor: ({ gzip }) => gzip.least,
      bound: 0.25,
    },
    {
      name: 'nothing encoded yet, zstd',
      prepare: cold,
      sample: () => build(...zstd, example),
      floor: ({ zstd }) => zstd.least,
      bound: 0.9,
    },
    { name: 'tar', sample: () => build('--format', 'tar', example), floor: ({ gzip }) => gzip.least },
    {
      name: 'sixteen formats at once, nothing changed',
      prepare: (round) => round === 0 && build('--dir', formats, '--format', FORMATS, example),
      sample: () => build('--dir', formats, '--format', FORMATS, example),
      floor: ({ warm }) => warm.least,
      bound: 3,
      memory: 300,
    },
    {
      name: 'cp of the sixteen formats',
      prepare: (round) => round === 0 && run('cp', ['-r', formats, join(scratch, 'formats-copy')]),
      sample: () => shell(`cp ${formats}/* ${scratch}/formats-copy`),
    },
    { name: '200 containers, nothing encoded yet', prepare: cold, sample: () => build(...zstd, many) },
    { name: '200 containers, nothing changed', sample: () => build(...zstd, many) },
  ]
  if (flags.large === true) {
    const large = join(scratch, 'large.yml')
    await addImage(cache, 'bench-large', 250, 40_000_000)
    await writeFile(large, 'init: ["bench-large:1"]\n')
    rows.push(
      { name: '10 GB, nothing encoded yet, zstd', prepare: cold, sample: () => build(...zstd, large), once: true, memory: 300 },
      { name: '10 GB, tar', sample: () => build('--format', 'tar', large), once: true, memory: 300 },
    )
  }
  const results = await measure(rows)
  const known = Object.fromEntries(rows.flatMap(({ id }, index) => (id === undefined ? [] : [[id, results[index]]])))

  console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, ${rounds} rounds\n`)
  console.log('| what | least | median | memory | floor | ratio to the floor |\n|---|---|---|---|---|---|')
  const beyond = []
  for (const [row, { least, median, memory }] of results.entries()) {
    const { name, floor, margin = 0, bound, memory: memoryBound = 250 } = rows[row]
    const floorTime = floor?.(known)
    const ratio = floorTime === undefined ? undefined : (least - margin) / floorTime
    const cells = [name, `${Math.round(least)} ms`, `${Math.round(median)} ms`, `${Math.round(memory)} MB`]
    const told = floorTime === undefined ? '' : `${Math.round(floorTime)} ms${margin > 0 ? ` + ${margin} ms` : ''}`
    console.log(`| ${[...cells, told, ratio === undefined ? '' : ratio.toFixed(2)].join(' | ')} |`)
    if (bound !== undefined && ratio > bound) beyond.push(`${name}: ${ratio.toFixed(2)} times its floor, at most ${bound} is allowed`)
    if (floor !== undefined && memory > memoryBound) beyond.push(`${name}: ${Math.round(memory)} MB, at most ${memoryBound} are allowed`)
  }
  const size = async (path) => (await readFile(path)).length
  build(...gzip, example)
  const ours = (await size(outputs[0])) + (await size(outputs[1]))
  const theirs = Number(spawnSync('sh', ['-c', `zcat ${layers}/* | gzip -6 | wc -c`], { encoding: 'utf8' }).stdout)
  console.log(`\nkernel and gzip initrd: ${ours} bytes, ${(ours / theirs).toFixed(3)} of what gzip -6 makes of the layers`)
  if (ours / theirs > 1.02)
    beyond.push(`the initrd is ${(ours / theirs).toFixed(3)} times as large as gzip -6 makes it, at most 1.02 are allowed`)
  for (const line of beyond) console.log(`beyond its bound: ${line}`)
  if (flags.check === true && beyond.length > 0) process.exitCode = 1
} finally {
  await rm(yml, { force: true })
  await rm(scratch, { recursive: true, force: true })
}
