import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError, LinuxkitError } from '../../base/errors.js'
import { writeAtomic } from '../../base/files.js'
import type { Progress } from '../../base/progress.js'
import { getAll, MirrorError, type RequestOptions } from './http.js'
import type { Keyring } from './keyring.js'
import { checkDates, verifyRelease, type Release } from './release.js'
import type { DebianSources } from './sources.js'

/** Some ten times the size of the largest InRelease file. */
const RELEASE_LIMIT = 4 << 20

/** One suite of an archive whose table of contents has been verified. */
export interface Suite {
  /** URL of the archive. */
  readonly archive: string
  /** `trixie`, `trixie-security` */
  readonly name: string
  readonly release: Release
}

export interface SuiteOptions {
  readonly sources: DebianSources
  /** `trixie` */
  readonly release: string
  readonly keyring: Keyring
  /** Where lists of packages are kept. */
  readonly listsDirectory: string
  readonly request: RequestOptions
  readonly checkValidUntil: boolean
  readonly progress: Progress
}

type Answer =
  | { readonly type: 'fresh'; readonly text: string }
  | { readonly type: 'kept'; readonly text: string; readonly error: MirrorError }
  | { readonly type: 'absent' }
  | { readonly type: 'failed'; readonly error: MirrorError }

interface Asked {
  readonly archive: string
  readonly name: string
  readonly path: string
  readonly answer: Answer
}

/**
 * The release, its updates and its security updates, the latter two where the mirror has them. A mirror that cannot be reached is
 * replaced by what is left of the last time, with a warning.
 * @throws {LinuxkitError} of http.ts and release.ts, and `debian/no-release`
 */
export async function openSuites(options: SuiteOptions): Promise<readonly Suite[]> {
  const { sources, release, progress } = options
  const [main, ...others] = await Promise.all([
    ask(sources.archive, release, options),
    ask(sources.archive, `${release}-updates`, options),
    ask(sources.security, `${release}-security`, options),
  ])
  if (main.answer.type === 'absent') {
    throw new LinuxkitError('debian/no-release', `the mirror ${sources.archive} has no Debian release "${release}"`, {
      hint: 'name the release by its code name, such as trixie, and check that the URL of the mirror ends in /debian',
    })
  }
  const suites: Suite[] = []
  const present: Asked[] = []
  for (const asked of [main, ...others]) {
    const { answer, name } = asked
    if (answer.type === 'failed') {
      // Lists are kept all together or not at all, so an optional suite without one was not there when the mirror could be reached.
      if (asked !== main && main.answer.type === 'kept') continue
      throw answer.error
    }
    if (answer.type === 'absent') {
      if (asked.archive === sources.security) {
        progress({ type: 'warning', message: `${sources.security} has no security updates of Debian ${release}; going on without them` })
      }
      continue
    }
    suites.push({ archive: asked.archive, name, release: await verify(name, answer, options) })
    present.push(asked)
  }
  for (const { path, answer } of present) if (answer.type === 'fresh') await writeAtomic(path, answer.text)
  for (const { path, answer } of others) if (answer.type === 'absent') await rm(path, { force: true })
  return suites
}

async function ask(archive: string, name: string, { listsDirectory, request }: SuiteOptions): Promise<Asked> {
  const url = `${archive}/dists/${name}/InRelease`
  const path = join(listsDirectory, listFileName(url))
  return { archive, name, path, answer: await answerOf(url, path, request) }
}

async function answerOf(url: string, path: string, request: RequestOptions): Promise<Answer> {
  try {
    return { type: 'fresh', text: (await getAll(url, RELEASE_LIMIT, request)).toString('utf8') }
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error
    if (error.notFound) return { type: 'absent' }
    const text = await readFile(path, 'utf8').catch((missing: unknown) => {
      if (isSystemError(missing, 'ENOENT')) return undefined
      throw missing
    })
    return text === undefined ? { type: 'failed', error } : { type: 'kept', text, error }
  }
}

async function verify(name: string, answer: Answer & { readonly text: string }, options: SuiteOptions): Promise<Release> {
  const release = await verifyRelease(answer.text, name, options.keyring)
  if (answer.type === 'fresh') {
    if (options.checkValidUntil) checkDates(release, name, new Date())
  } else if (answer.type === 'kept') {
    const date = release.date?.toUTCString() ?? 'an unknown date'
    options.progress({ type: 'warning', message: `${answer.error.message}; using the list of packages of ${name} of ${date}` })
  }
  return release
}

/** The name under which a file of the mirror is kept, made as apt makes it. */
export function listFileName(url: string): string {
  return url.replace(/^https?:\/\//, '').replaceAll(/[^A-Za-z0-9.+~-]/g, '_')
}
