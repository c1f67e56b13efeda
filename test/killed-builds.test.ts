import { execFile, spawn } from 'node:child_process'
import { createHash, createCipheriv } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesContent } from '../src/base/content.js'
import { TEMPORARY_PREFIX } from '../src/base/files.js'
import { openCache } from '../src/image/cache.js'
import { addImage } from '../src/rootfs/test-support.js'

const CLI = resolve('dist/linuxkit.cjs')
const run = promisify(execFile)

/** Printed when a test fails, so that the same moments can be tried again. */
const SEED = Number(process.env['LINUXKIT_TEST_SEED'] ?? Date.now() % 1e6)

let scratch: string
let images: string

/** Bytes that do not compress and are the same in every run. */
function noise(size: number, key: string): Buffer {
  const digest = createHash('sha256').update(key).digest()
  return createCipheriv('aes-256-ctr', digest, Buffer.alloc(16)).update(Buffer.alloc(size))
}

/** Numbers from 0 to 1 that depend on the seed alone. */
function* randomNumbers(seed: number): Generator<number, never> {
  for (let step = 0; ; step++) yield createHash('sha256').update(`${seed} ${step}`).digest().readUInt32BE() / 2 ** 32
}

/** A directory with a cache of its own, that has the images. */
async function workshop(
  name: string,
): Promise<{ readonly directory: string; readonly build: (...args: readonly string[]) => readonly string[] }> {
  const directory = join(scratch, name)
  await mkdir(directory)
  await run('cp', ['-r', images, join(directory, 'cache')])
  const cache = join(directory, 'cache')
  return { directory, build: (...args) => [CLI, '--cache', cache, '-q', 'build', '--dir', directory, ...args] }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Names of unfinished files and claims anywhere below a directory. */
async function leftovers(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true })
  return names.filter((name) => name.includes(TEMPORARY_PREFIX) || name.includes('.claim-'))
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'linuxkit-killed-'))
  images = join(scratch, 'images')
  const cache = await openCache(images)
  await addImage(cache, 'kernel:1', { kernel: 'a kernel', 'kernel.tar': { content: bytesContent(new Uint8Array(1024)) } })
  for (let index = 0; index < 4; index++) {
    const text = Buffer.alloc(500_000, `some text ${index} `)
    await addImage(cache, `image${index}:1`, {
      'bin/noise': { content: bytesContent(noise(1_000_000, `${index}`)) },
      text: { content: bytesContent(text) },
    })
  }
  await writeFile(
    join(scratch, 'whole.yml'),
    'kernel:\n  image: kernel:1\ninit: [image0:1, image1:1]\nservices:\n  - {name: a, image: image2:1}\n  - {name: b, image: image3:1}\n',
  )
  for (let index = 0; index < 8; index++) {
    const services = [0, 1, 2, 3].filter((one) => one !== index % 4).map((one) => `  - {name: s${one}, image: image${one}:1}\n`)
    await writeFile(
      join(scratch, `part${index}.yml`),
      `init: [image${index % 4}:1]\nservices:\n${services.join('')}files:\n  - {path: x, contents: "${index}"}\n`,
    )
  }
}, 60_000)

afterAll(() => rm(scratch, { recursive: true, force: true }))

describe.each(['gzip', 'zstd'])('builds with %s', (compression) => {
  test(`that are killed at any moment harm no later build (seed ${SEED})`, async () => {
    const undisturbed = await workshop(`undisturbed-${compression}`)
    const args = ['--compress', compression, join(scratch, 'whole.yml')]
    const start = performance.now()
    await run(process.execPath, [...undisturbed.build(...args)])
    const duration = performance.now() - start
    const expected = await digestOf(join(undisturbed.directory, 'whole-initrd.img'))

    const { directory, build } = await workshop(`killed-${compression}`)
    const random = randomNumbers(SEED)
    let killed = 0
    for (let round = 0; round < 10; round++) {
      await rm(join(directory, 'cache', 'fragments'), { recursive: true, force: true })
      for (let attempt = 0; attempt < 10; attempt++) {
        const child = spawn(process.execPath, [...build(...args)], { stdio: 'ignore' })
        const ended = new Promise<NodeJS.Signals | null>((done) => child.on('close', (_, signal) => done(signal)))
        const timer = setTimeout(() => child.kill('SIGKILL'), random.next().value * duration)
        if ((await ended) === 'SIGKILL') killed += 1
        clearTimeout(timer)
      }
      await run(process.execPath, [...build(...args)])
      expect(await digestOf(join(directory, 'whole-initrd.img'))).toBe(expected)
    }
    expect(killed).toBeGreaterThan(20)
    // Whoever builds next clears away what was left; the last build may have had nothing to encode, so another is made to.
    await rm(join(directory, 'cache', 'fragments'), { recursive: true, force: true })
    await run(process.execPath, [...build(...args)])
    expect((await leftovers(directory)).join('\n')).toBe('')
  }, 600_000)

  test('that run at once in one empty cache encode nothing twice', async () => {
    const { directory, build } = await workshop(`together-${compression}`)
    const explained = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        run(process.execPath, [...build('--explain', '--compress', compression, join(scratch, `part${index}.yml`))]),
      ),
    )
    const made = explained.flatMap(({ stdout }) => stdout.split('\n').filter((line) => / made /.test(line)))
    const alone = await workshop(`alone-${compression}`)
    const encoded = new Set<string>()
    for (let index = 0; index < 8; index++) {
      const { stdout } = await run(process.execPath, [
        ...alone.build('--explain', '--compress', compression, join(scratch, `part${index}.yml`)),
      ])
      for (const line of stdout.split('\n')) if (/ made /.test(line)) encoded.add(`${index} ${line}`)
      const name = `part${index}-initrd.img`
      expect(await digestOf(join(directory, name))).toBe(await digestOf(join(alone.directory, name)))
    }
    expect(made).toHaveLength(encoded.size)
    expect((await leftovers(directory)).join('\n')).toBe('')
  }, 120_000)

  test('have the same bytes whoever builds, and with how many at work', async () => {
    const { directory, build } = await workshop(`same-${compression}`)
    const environments: readonly NodeJS.ProcessEnv[] = [
      {},
      { TZ: 'Asia/Tokyo', LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8' },
      { UV_THREADPOOL_SIZE: '1' },
      { UV_THREADPOOL_SIZE: '8' },
    ]
    const digests = new Set<string>()
    for (const jobs of ['1', '2', '8']) {
      for (const environment of environments) {
        await rm(join(directory, 'cache', 'fragments'), { recursive: true, force: true })
        const command = build('--jobs', jobs, '--compress', compression, join(scratch, 'whole.yml')).map((word) => `'${word}'`)
        const umask = jobs === '2' ? '077' : '022'
        for (const state of ['cold', 'warm']) {
          await run('sh', ['-c', `umask ${umask}; exec '${process.execPath}' ${command.join(' ')}`], {
            cwd: jobs === '8' ? '/' : scratch,
            env: { ...process.env, ...environment },
          })
          digests.add(await digestOf(join(directory, 'whole-initrd.img')))
          expect([state, digests.size]).toEqual([state, 1])
        }
      }
    }
  }, 120_000)
})
