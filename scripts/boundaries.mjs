// Checks the way through the house: a room of src/ imports only from itself and from rooms below it, and no file imports itself in a circle.
// Usage: boundaries.mjs [DIRECTORY]   (default src). Own code because dependency-cruiser's parsers know no "using" declarations yet.
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, normalize, relative, sep } from 'node:path'

/** From the ground up. What is not a directory here is a file in src/ itself. */
const ROOMS = ['base', 'archive', 'image', 'pkg', 'config', 'rootfs', 'output', 'build.ts']
const ALLOWED = new Map([
  ...ROOMS.map((room, height) => [room, new Set(ROOMS.slice(0, height + 1))]),
  ['disk', new Set(['base', 'archive', 'disk'])],
  // Beside the build, not above it: both are called by the command line only.
  ['platform', new Set(['base', 'archive', 'platform'])],
  ['cli', new Set([...ROOMS, 'disk', 'platform', 'cli'])],
])
ALLOWED.get('output')?.add('disk')

const IMPORT = /^\s*(?:import|export)\b[^'"]*?\bfrom\s+['"](\.[^'"]+)['"]|\bimport\(\s*['"](\.[^'"]+)['"]\s*\)/gmu

const root = process.argv[2] ?? 'src'
const files = (await readdir(root, { recursive: true })).filter((name) => /(?<!\.d)\.ts$|\.json$/u.test(name))
const imports = new Map()
const problems = []

const roomOf = (file) => file.split(sep)[0].replace(/\.test\.ts$/u, '.ts')

for (const file of files) {
  const text = await readFile(join(root, file), 'utf8')
  const targets = [...text.matchAll(IMPORT)].map((match) => normalize(join(dirname(file), (match[1] ?? match[2]).replace(/\.js$/u, '.ts'))))
  imports.set(file, targets)
  const allowed = ALLOWED.get(roomOf(file))
  if (allowed === undefined) problems.push(`${file}: "${roomOf(file)}" is not a room of the house`)
  for (const target of targets) {
    if (!files.includes(target)) problems.push(`${file}: imports ${target}, which does not exist in ${root}`)
    else if (allowed !== undefined && !allowed.has(roomOf(target)))
      problems.push(`${file}: ${roomOf(file)} must not import from ${roomOf(target)} (${target})`)
  }
}

/** Depth-first: a file met again on the way down to it closes a circle. */
const done = new Set()
const visit = (file, way) => {
  if (way.includes(file)) problems.push(`circle: ${[...way.slice(way.indexOf(file)), file].join(' -> ')}`)
  if (done.has(file) || way.includes(file)) return
  for (const target of imports.get(file) ?? []) visit(target, [...way, file])
  done.add(file)
}
for (const file of files) visit(file, [])

if (files.length === 0) problems.push(`no sources in ${relative('.', root)}`)
for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1
