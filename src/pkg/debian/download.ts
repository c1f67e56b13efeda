import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DigestMeter } from '../../base/digest.js'
import { isSystemError, LinuxkitError } from '../../base/errors.js'
import { openAtomic, sweepTemporaries } from '../../base/files.js'
import { inParallel } from '../../base/parallel.js'
import type { Progress } from '../../base/progress.js'
import { get, retrying, type RequestOptions } from './http.js'
import type { DebianPackage } from './packages.js'

/** Enough to hide the latency of a mirror; more would only take bandwidth from each other. */
const CONNECTIONS = 4

export interface DownloadOptions {
  /** Where .debs are kept, under their SHA-256. */
  readonly poolDirectory: string
  readonly request: RequestOptions
  readonly progress: Progress
  /** Unique while the download runs. */
  readonly id: string
}

/** A package whose .deb is on disk, verified. */
export interface DownloadedPackage extends DebianPackage {
  readonly path: string
}

/**
 * Fetches the .debs that are not on disk yet, and checks size and SHA-256 as they come; what is wrong is not kept.
 * @returns the packages in the given order
 * @throws {LinuxkitError} of http.ts, and `debian/bad-hash`
 */
export async function downloadPackages(
  packages: readonly DebianPackage[],
  options: DownloadOptions,
): Promise<readonly DownloadedPackage[]> {
  const wanted = packages.map((found) => ({ ...found, path: join(options.poolDirectory, `${found.sha256}.deb`) }))
  const present = await Promise.all(wanted.map(({ path, size }) => hasSize(path, size)))
  const missing = wanted.filter((_, index) => present[index] === false)
  if (missing.length === 0) return wanted
  await sweepTemporaries(options.poolDirectory)

  const failed = new AbortController()
  const request = { ...options.request, signal: AbortSignal.any([options.request.signal, failed.signal]) }
  const { id, progress } = options
  const total = missing.reduce((sum, { size }) => sum + size, 0)
  const title = missing.length === 1 ? `${missing[0]?.name} ${missing[0]?.version}` : `${missing.length} Debian packages`
  progress({ type: 'start', id, title, total })
  let done = 0
  // Given back when an attempt fails, as the next one begins anew.
  const advance = (bytes: number): void => {
    done += bytes
    progress({ type: 'advance', id, done })
  }
  try {
    await inParallel(
      missing,
      CONNECTIONS,
      (found) => retrying(() => fetchDeb(found, request, advance), request),
      () => failed.abort(),
    )
  } finally {
    progress({ type: 'finish', id })
  }
  return wanted
}

async function fetchDeb(wanted: DownloadedPackage, request: RequestOptions, advance: (bytes: number) => void): Promise<void> {
  const url = `${wanted.archive}/${wanted.filename}`
  const meter = new DigestMeter()
  await using file = await openAtomic(wanted.path)
  async function* received(): AsyncIterable<Uint8Array> {
    for await (const chunk of get(url, request)) {
      meter.update(chunk)
      advance(chunk.length)
      if (meter.size > wanted.size) throw badHash(wanted, url, `it is longer than ${wanted.size} bytes`)
      yield chunk
    }
  }
  try {
    await file.writeAll(received())
    if (meter.size !== wanted.size) throw badHash(wanted, url, `it has ${meter.size} bytes instead of ${wanted.size}`)
    if (meter.digest() !== `sha256:${wanted.sha256}`) throw badHash(wanted, url, 'its SHA-256 is another')
  } catch (error) {
    advance(-meter.size)
    throw error
  }
  await file.commit()
}

function badHash({ name, version }: DebianPackage, url: string, reason: string): LinuxkitError {
  return new LinuxkitError('debian/bad-hash', `${url} is not the package ${name} ${version} that the signed list names: ${reason}`, {
    hint: 'the mirror or something in between is at fault; use another mirror',
  })
}

async function hasSize(path: string, size: number): Promise<boolean> {
  return stat(path).then(
    (status) => status.size === size,
    (error: unknown) => {
      if (isSystemError(error, 'ENOENT')) return false
      throw error
    },
  )
}
