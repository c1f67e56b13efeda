// Bundles the command line into two files: dist/linuxkit.cjs, which knows the commands and their flags and so starts about as fast as Node itself, and
// dist/library.cjs with everything that the commands load when they run ("await import(...)" in src/cli/). Beside them, in dist/library.cache, is the library as
// this version of Node compiles it (src/cli/library.ts).
// openpgp stays outside of both: it is LGPL-3.0+, and so it can be replaced by the user as that licence demands.
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { build } from 'esbuild'

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
const directory = process.argv[2] ?? 'dist'

const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['openpgp', '@toondepauw/node-zstd'],
  // Code that is compiled beforehand cannot call import(); require() finds what is outside of the bundle as well.
  supported: { 'dynamic-import': false },
  define: { LINUXKIT_VERSION: JSON.stringify(version) },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  logLevel: 'warning',
}

/** Sources that the commands load when they run; each is a member of the library's exports. */
const lazy = new Set()

/** Names the sources, so that what one version has put into a cache is told from what another has. */
async function sourcesDigest() {
  const hash = createHash('sha256')
  const names = (await readdir('src', { recursive: true })).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  for (const name of names.sort()) hash.update(`${name}\0`).update(await readFile(`src/${name}`))
  return hash.digest('hex')
}

const lazyImports = {
  name: 'lazy-imports',
  setup(plugin) {
    plugin.onResolve({ filter: /^[.]/ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined
      const source = relative('.', resolve(resolveDir, path)).replace(/\.js$/u, '.ts')
      lazy.add(source)
      return { path: source, namespace: 'lazy' }
    })
    plugin.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: `module.exports = require('./src/cli/library.ts').loadLibrary(__dirname)[${JSON.stringify(path)}]`,
      resolveDir: '.',
    }))
  },
}

/** Builds a small package and images with it, so that the functions that every build calls are compiled, and keeps the code. */
async function keepCompiled() {
  const path = resolve(directory, 'library.cjs')
  const scratch = await mkdtemp(join(tmpdir(), 'linuxkit-bundle-'))
  try {
    await build({ ...common, entryPoints: ['src/cli/library.ts'], outfile: join(scratch, 'loader.cjs') })
    const { compileLibrary, runLibrary } = createRequire(import.meta.url)(join(scratch, 'loader.cjs'))
    const script = compileLibrary(path)
    const library = runLibrary(script, path)
    const yml = await writeSmallConfiguration(scratch)
    const buildSmall = (compression) =>
      library['src/build.ts'].build({
        sources: [yml],
        formats: ['kernel+initrd'],
        destination: { type: 'files', base: join(scratch, 'small') },
        arch: 'amd64',
        cacheDirectory: join(scratch, 'cache'),
        compression,
        sbom: undefined,
        progress: () => {},
        signal: new AbortController().signal,
      })
    // The first time everything is encoded, the second time nothing.
    for (let time = 1; time <= 2; time += 1) {
      await buildSmall({ name: 'gzip', level: 6 })
      await buildSmall({ name: 'zstd', level: 1 }).catch((error) => {
        if (error.code !== 'compress/unavailable') throw error
      })
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
const { metafile } = await build({
  ...common,
  entryPoints: ['src/cli/main.ts'],
  outfile: `${directory}/linuxkit.cjs`,
  banner: { js: '#!/usr/bin/env node' },
  plugins: [lazyImports],
  metafile: true,
})

// A module in both files would exist twice at run time, and "instanceof LinuxkitError" would not hold across them.
const entry = new Set(Object.keys(metafile.inputs).filter((input) => input.startsWith('src/')))
const shared = [...entry].filter((input) => !input.startsWith('src/cli/'))
if (shared.length > 0) throw new Error(`src/cli/ must load these with "await import(...)": ${shared.join(', ')}`)

await build({
  ...common,
  stdin: {
    // A command runs only the modules that it asks for.
    contents: `Object.defineProperties(exports, {${[...lazy]
      .map((source) => `${JSON.stringify(source)}: { get: () => require(${JSON.stringify(`./${source}`)}) }`)
      .join(', ')}})`,
    resolveDir: '.',
  },
  outfile: `${directory}/library.cjs`,
  define: { ...common.define, LINUXKIT_SOURCES: JSON.stringify(await sourcesDigest()) },
})
await chmod(`${directory}/linuxkit.cjs`, 0o755)
await keepCompiled()
