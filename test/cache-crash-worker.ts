import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { writeTar, TAR_END } from '../src/archive/tar-writer.js'
import { entry } from '../src/archive/entry.js'
import { bytesContent } from '../src/base/content.js'
import { LinuxkitError } from '../src/base/errors.js'
import { silent } from '../src/base/progress.js'
import { build } from '../src/build.js'
import { openCache, type ImageCache } from '../src/image/cache.js'
import { collectGarbage, removeImages } from '../src/image/garbage.js'
import { addToIndex, writeImage } from '../src/image/image-writer.js'
import { importImages } from '../src/image/import.js'
import { pullImages } from '../src/image/registry/pull-images.js'
import { randomNumbers } from './random-numbers.js'

/** What may happen to one who uses an image that another removes: it is said, and nothing is filed. */
const EXPECTED: ReadonlySet<string> = new Set(['image/missing-blob', 'image/not-found'])

const [seed = '', directory = '', mirror = '', count = ''] = process.argv.slice(2)
const random = randomNumbers(Number(seed))
const signal = new AbortController().signal
const cacheDirectory = join(directory, 'cache')
const name = (): string => `org/app:${random(4)}`

async function* layer(text: string): AsyncIterable<Uint8Array> {
  const content = bytesContent(Buffer.alloc(300_000, text))
  yield* writeTar(
    (async function* () {
      yield entry({ path: text, type: 'file', content })
    })(),
  )
  yield TAR_END
}

const ACTIONS: readonly ((cache: ImageCache) => Promise<unknown>)[] = [
  () => pullImages([name()], { cacheDirectory, mirrors: [mirror], platform: 'linux/amd64', progress: silent, signal }),
  (cache) => importImages(cache, createReadStream(join(directory, `archive-${random(2)}.tar`)), undefined, signal),
  (cache) => removeImages(cache, [name()]),
  async (cache) =>
    removeImages(
      cache,
      (await cache.names()).map((named) => named.name).filter(() => random(3) === 0),
    ),
  (cache) => collectGarbage(cache),
  // As "linuxkit pkg build" does.
  async (cache) => {
    await using _ = await cache.hold()
    const architecture = ['amd64', 'arm64'][random(2)] ?? ''
    const layers = [layer('common'), layer(`built ${random(3)}`)]
    await addToIndex(cache, 'docker.io/org/built:1', [await writeImage(cache, { layers, config: { architecture, os: 'linux' } })])
  },
  () =>
    build({
      sources: [join(directory, 'image.yml')],
      formats: ['tar'],
      destination: { type: 'files', base: join(directory, `out-${process.pid}`) },
      arch: 'amd64',
      cacheDirectory,
      mirrors: [mirror],
      sbom: undefined,
      progress: silent,
      signal,
    }),
]

async function run(): Promise<void> {
  for (let done = 0; done < Number(count); done++) {
    process.stdout.write('.')
    try {
      await ACTIONS[random(ACTIONS.length)]?.(await openCache(cacheDirectory))
    } catch (error) {
      if (!(error instanceof LinuxkitError) || !EXPECTED.has(error.code)) throw error
    }
  }
}

void run().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
