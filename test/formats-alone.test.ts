import { execFile, spawnSync } from 'node:child_process'
import { chmod, chown, cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FORMATS } from '../src/output/formats.js'
import { workshop, type Workshop } from '../src/output/formats-test-support.js'

const run = promisify(execFile)

const NOBODY = 65534

/** Whoever runs the tests; root becomes somebody who may do nothing. */
const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

/** Gives a program a network of its own with nothing in it, where the system lets users do that. */
const ISOLATION = ['/usr/bin/unshare', '--user', `--map-user=${NOBODY}`, '--net'] as const
const isolated = spawnSync(ISOLATION[0], [...ISOLATION.slice(1), '/bin/true'], { ...user, env: {} }).status === 0

const forPc = FORMATS.filter(({ architectures, streams }) => architectures.includes('amd64') && !streams)

let shop: Workshop
/** Where whoever runs the tests builds, and with what cache. */
let own: { readonly outputs: string; readonly cache: string }

beforeAll(async () => {
  shop = await workshop()
  // The directory of the sources may be closed to others.
  await cp('dist', join(shop.directory, 'dist'), { recursive: true })
  own = { outputs: join(shop.directory, 'own'), cache: join(shop.directory, 'own-cache') }
  await mkdir(own.outputs)
  await cp(shop.cacheDirectory, own.cache, { recursive: true })
  // What only root may read would be a help.
  for (const name of ['', ...(await readdir(shop.directory, { recursive: true }))]) {
    if ('uid' in user) await chown(join(shop.directory, name), NOBODY, NOBODY)
  }
  await chmod(shop.directory, 0o700)
})

afterAll(() => shop[Symbol.asyncDispose]())

function argumentsOf(formats: string, cache: string, directory: string): readonly string[] {
  const cli = join(shop.directory, 'dist', 'linuxkit.cjs')
  return [cli, '--cache', cache, '-q', 'build', '--arch', 'amd64', '--dir', directory, '-f', formats, shop.yml]
}

async function build(formats: string): Promise<void> {
  const args = argumentsOf(formats, shop.cacheDirectory, shop.directory)
  const command = [...(isolated ? ISOLATION : []), process.execPath, ...args]
  await run(command[0] ?? '', command.slice(1), { ...user, cwd: shop.directory, env: { PATH: '', HOME: shop.directory } })
}

describe.runIf(process.arch === 'x64')('every format', () => {
  test.each(forPc.map(({ name, suffixes }) => [name, suffixes] as const))(
    'is built by an unprivileged user without network and programs, the same to the byte: %s',
    async (name, suffixes) => {
      await run(process.execPath, argumentsOf(name, own.cache, own.outputs))
      await build(name)
      const made = (await readdir(shop.directory)).filter((file) => file.startsWith('image') && file !== 'image.yml')
      expect(made.sort()).toEqual(suffixes.map((suffix) => `image${suffix}`).sort())
      for (const file of made) {
        const bytes = await readFile(join(shop.directory, file))
        expect(bytes.length).toBeGreaterThan(10)
        expect(bytes.equals(await readFile(join(own.outputs, file)))).toBe(true)
      }
      for (const file of made) await rm(join(shop.directory, file))
    },
  )
})
