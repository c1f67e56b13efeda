import { createHash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { decompress } from '../../archive/decompress.js'
import { bytesContent } from '../../base/content.js'
import { isSystemError, LinuxkitError } from '../../base/errors.js'
import { writeAtomic } from '../../base/files.js'
import type { Progress } from '../../base/progress.js'
import { getAll, MirrorError, type RequestOptions } from './http.js'
import { condense, parseCondensed, type DebianPackage } from './packages.js'
import type { ReleaseFile } from './release.js'
import { listFileName, type Suite } from './suites.js'

export interface IndexOptions {
  /** Where lists of packages are kept. */
  readonly listsDirectory: string
  readonly request: RequestOptions
  readonly progress: Progress
}

/** Ends the names of condensed indexes; changes with their form. */
const CONDENSED_SUFFIX = '.v1.tsv'

/**
 * The packages of one component of a suite, `all` ones included. The index is fetched when the suite has another than the last time.
 * @returns nothing when the suite has no index for the architecture
 * @throws {LinuxkitError} of http.ts, and `debian/bad-hash`
 */
export async function readIndex(suite: Suite, component: string, arch: string, options: IndexOptions): Promise<Iterable<DebianPackage>> {
  const base = `${component}/binary-${arch}/Packages`
  const file = ['.xz', '.gz', ''].map((suffix) => suite.release.files.get(base + suffix)).find((found) => found !== undefined)
  if (file === undefined) return []
  const prefix = `${listFileName(`${suite.archive}/dists/${suite.name}/${base}`)}_`
  const path = join(options.listsDirectory, prefix + file.sha256 + CONDENSED_SUFFIX)
  let text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  })
  if (text === undefined) {
    const index = await fetchIndex(suite, file, arch, options)
    await writeAtomic(path, condense(decompress(bytesContent(index).open())))
    text = await readFile(path, 'utf8')
    await removeOthers(options.listsDirectory, prefix, path)
  }
  return parseCondensed(text, suite.archive)
}

/** Lists of earlier states of the suite are of no use any more. */
async function removeOthers(directory: string, prefix: string, kept: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    if (name.startsWith(prefix) && path !== kept) await rm(path, { force: true })
  }
}

async function fetchIndex(suite: Suite, file: ReleaseFile, arch: string, { request, progress }: IndexOptions): Promise<Buffer> {
  const id = `debian/index/${suite.archive}/${suite.name}/${file.path}`
  progress({ type: 'start', id, title: `Package list of Debian ${suite.name} (${arch})`, total: file.size })
  try {
    const index = await getIndex(suite, file, request)
    if (createHash('sha256').update(index).digest('hex') !== file.sha256) {
      throw new LinuxkitError(
        'debian/bad-hash',
        `${file.path} of ${suite.name} on the mirror ${suite.archive} does not have the signed SHA-256`,
        {
          hint: 'the mirror may be in the middle of an update: try again in some minutes, or use another mirror',
        },
      )
    }
    return index
  } finally {
    progress({ type: 'finish', id })
  }
}

async function getIndex(suite: Suite, file: ReleaseFile, request: RequestOptions): Promise<Buffer> {
  const dists = `${suite.archive}/dists/${suite.name}/`
  if (suite.release.byHash) {
    // `by-hash/SHA256/DIGEST` beside the file stays while the mirror is updated (Debian Repository Format, "Acquire-By-Hash").
    const byHash = file.path.replace(/[^/]*$/, `by-hash/SHA256/${file.sha256}`)
    try {
      return await getAll(dists + byHash, file.size, request)
    } catch (error) {
      if (!(error instanceof MirrorError) || !error.notFound) throw error
    }
  }
  return getAll(dists + file.path, file.size, request)
}
