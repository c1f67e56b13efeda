import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { onTestFinished } from 'vitest'
import { writeTar, TAR_END } from '../archive/tar-writer.js'
import type { Entry } from '../archive/entry.js'
import { openCache, type ImageCache } from './cache.js'
import type { CachedImage } from './cached-image.js'
import { writeImage } from './image-writer.js'
import type { Descriptor } from './oci.js'
import { parseReference } from './reference.js'

/** A directory that is removed when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'linuxkit-image-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export async function temporaryCache(): Promise<ImageCache> {
  return openCache(await temporaryDirectory())
}

export async function* tarOf(entries: readonly Entry[]): AsyncIterable<Uint8Array> {
  yield* writeTar(
    (async function* () {
      yield* entries
    })(),
  )
  yield TAR_END
}

/** Stores an image of the layers given, the lowest first, under a name. */
export async function storeImage(
  cache: ImageCache,
  name: string,
  layers: readonly (readonly Entry[])[],
  architecture = 'amd64',
): Promise<Descriptor> {
  const config = { architecture, os: 'linux', config: { Cmd: ['/bin/sh'] } }
  const descriptor = await writeImage(cache, { layers: layers.map(tarOf), config })
  await cache.setName(name, descriptor)
  return descriptor
}

/** The image of a name, which must be there. */
export async function findImage(cache: ImageCache, name: string, architecture = 'amd64'): Promise<CachedImage> {
  const image = await cache.find(parseReference(name), { os: 'linux', architecture })
  if (image === undefined) throw new Error(`${name} is not in the cache`)
  return image
}

/** Bundles a script that imports from this directory, so that plain node runs it. */
export async function bundle(source: string): Promise<string> {
  const outfile = join(await temporaryDirectory(), 'script.cjs')
  await build({
    stdin: { contents: source, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    outfile,
    logLevel: 'error',
  })
  return outfile
}
