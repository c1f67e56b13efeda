// Bundles the command line into dist/library.cjs, of which commands run only the modules that they load ("await import(...)" in src/cli/). Beside it are
// dist/library.cache, the library as this version of Node compiles it, and dist/linuxkit.cjs, which loads both (src/cli/library.ts).
// openpgp stays outside: it is LGPL-3.0+, and so it can be replaced by the user as that licence demands.
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
const require = createRequire(import.meta.url)
const directory = process.argv[2] ?? 'dist'
const program = resolve(directory, 'linuxkit.cjs')
const library = resolve(directory, 'library.cjs')

const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['openpgp', '@toondepauw/node-zstd'],
  // Code that is compiled beforehand cannot call import(); require() finds what is outside of the bundle as well.
  supported: { 'dynamic-import': false },
  define: { LINUXKIT_VERSION: JSON.stringify(version), LINUXKIT_SOURCES: JSON.stringify(await sourcesDigest()) },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  logLevel: 'warning',
}

/** Names the sources, so that what one version has put into a cache is told from what another has. */
async function sourcesDigest() {
  const hash = createHash('sha256')
  const names = (await readdir('src', { recursive: true })).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  for (const name of names.sort()) hash.update(`${name}\0`).update(await readFile(`src/${name}`))
  return hash.digest('hex')
}

/** Modules of Node that take long to load, and that most commands call nothing of. */
const LAZY_MODULES = ['node:child_process', 'node:stream/consumers', 'node:timers/promises', 'node:zlib']

/** Loads these when something of them is asked for. */
const lazyModules = {
  name: 'lazy-modules',
  setup(plugin) {
    plugin.onResolve({ filter: new RegExp(`^(?:${LAZY_MODULES.join('|')})$`) }, ({ path, namespace }) =>
      namespace === 'lazy' ? { path, external: true } : { path, namespace: 'lazy' },
    )
    plugin.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: `let loaded
const load = () => (loaded ??= require('${path}'))
for (const name of ${JSON.stringify(Object.getOwnPropertyNames(require(path)))})
  Object.defineProperty(exports, name, { enumerable: true, get: () => load()[name] })`,
    }))
  },
}

/** Builds a small package and images with it, so that the functions that every build calls are compiled, and keeps the code. */
async function keepCompiled() {
  const scratch = await mkdtemp(join(tmpdir(), 'linuxkit-bundle-'))
  try {
    const loader = join(scratch, 'loader.cjs')
    await build({ ...common, entryPoints: ['src/cli/library.ts'], outfile: loader })
    const { compileLibrary, runLibrary } = require(loader)
    const script = compileLibrary(library)
    const { main } = runLibrary(script, library)
    const yml = await writeSmallConfiguration(scratch)
    const hasZstd = await import('@toondepauw/node-zstd').then(
      () => true,
      () => false,
    )
    // The first time everything is encoded, the second time nothing.
    for (const compression of ['gzip', 'gzip', ...(hasZstd ? ['zstd', 'zstd'] : [])]) {
      const command = ['node', 'linuxkit', '--cache', join(scratch, 'cache'), '-q', 'build', '--dir', scratch, '--arch', 'amd64']
      const status = await main([...command, '--compress', compression, yml])
      if (status !== 0) throw new Error('a small image cannot be built')
    }
    await writeFile(resolve(directory, 'library.cache'), script.createCachedData())
  } finally {
    await rm(scratch, { recursive: true })
  }
}

/** An image of one package, which has files of every size that is treated differently and comes from nowhere but here. */
async function writeSmallConfiguration(scratch) {
  const sizes = [10, 50_000, 500_000, 3_000_000]
  const files = sizes.map((size) => `    - { path: "bin/${size}", source: "${size}" }\n`)
  await mkdir(join(scratch, 'package'))
  await writeFile(
    join(scratch, 'package', 'build.yml'),
    `image: small\nconfig: { capabilities: [all] }\ndebian:\n  files:\n${files.join('')}`,
  )
  for (const size of sizes) await writeFile(join(scratch, 'package', `${size}`), Buffer.alloc(size, 'A line, and another one.\n'))
  const yml = join(scratch, 'small.yml')
  const containers = ['onboot', 'services'].map((section) => `${section}:\n  - {name: small, image: "@pkg:./package"}\n`)
  await writeFile(yml, `init: ["@pkg:./package"]\n${containers.join('')}files:\n  - path: a/b\n    contents: c\n`)
  return yml
}

// V8 tells code of other sources by their length only.
await rm(resolve(directory, 'library.cache'), { force: true })
await build({ ...common, entryPoints: ['src/cli/start.ts'], outfile: program, banner: { js: '#!/usr/bin/env node' } })
await build({ ...common, entryPoints: ['src/cli/main.ts'], outfile: library, plugins: [lazyModules] })
await chmod(program, 0o755)
if (/[^\0-\x7f]/u.test(await readFile(library, 'utf8'))) throw new Error(`${library} is not ASCII, as which src/cli/library.ts reads it`)
await keepCompiled()
