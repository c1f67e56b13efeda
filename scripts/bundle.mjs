// Bundles the command line into one file, so that it starts as fast as Node itself.
// openpgp stays outside: it is LGPL-3.0+, and so it can be replaced by the user as that licence demands.
import { chmod, readFile } from 'node:fs/promises'
import { build } from 'esbuild'

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))

await build({
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/linuxkit.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['openpgp'],
  banner: { js: '#!/usr/bin/env node' },
  define: { LINUXKIT_VERSION: JSON.stringify(version) },
  minifySyntax: true,
  legalComments: 'linked',
  logLevel: 'warning',
})
await chmod('dist/linuxkit.cjs', 0o755)
