import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { run, runStatus } from '../base/exec.js'
import { LinuxkitError } from '../base/errors.js'

/** Runs git in a directory, in the language that its messages are matched in. */
export class Git {
  readonly #directory: string
  readonly #signal: AbortSignal | undefined

  constructor(directory: string, signal?: AbortSignal) {
    this.#directory = directory
    this.#signal = signal
  }

  /** @throws {LinuxkitError} `exec/failed` */
  run(...args: readonly string[]): Promise<string> {
    return run('git', ['-C', this.#directory, ...args], this.#options)
  }

  /** True when git succeeds. */
  async test(...args: readonly string[]): Promise<boolean> {
    return (await runStatus('git', ['-C', this.#directory, ...args], this.#options)).status === 0
  }

  /** The root of the work tree. @throws {LinuxkitError} `exec/failed` outside of one */
  async root(): Promise<string> {
    return (await this.run('rev-parse', '--show-toplevel')).trim()
  }

  isInside(): Promise<boolean> {
    return this.test('rev-parse', '--is-inside-work-tree')
  }

  /**
   * The last commit that changed one of the paths, those of this work tree. Unlike HEAD it does not move with what does not concern them.
   * Nothing when there is none.
   */
  async lastChange(paths: readonly string[]): Promise<string | undefined> {
    const top = (await this.run('rev-parse', '--show-toplevel')).trim()
    const own = paths.filter((path) => path === top || path.startsWith(`${top}/`))
    const commit = (await this.run('log', '-1', '--format=%H', 'HEAD', '--', ...own)).trim()
    return commit === '' ? undefined : commit
  }

  get #options() {
    return { signal: this.#signal, env: { LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' } }
  }
}

/**
 * The object name of the tree that a commit has at `path`, an absolute path in the work tree. Equal trees have equal names.
 * @throws {LinuxkitError} `pkg/not-in-git`
 */
export async function treeHash(git: Git, path: string, commit: string): Promise<string> {
  if ((await git.run('rev-parse', '--show-toplevel')).trim() === path) {
    return (await git.run('show', '--format=%T', '-s', commit)).trim()
  }
  const lines = (await git.run('ls-tree', '--full-tree', commit, '--', path)).trim()
  const [, hash] = /^\d+ \w+ ([0-9a-f]+)\t[^\n]*$/.exec(lines) ?? []
  if (hash !== undefined) return hash
  throw new LinuxkitError('pkg/not-in-git', `${path} is not in git at commit ${commit}`, {
    hint: 'commit it first, or give its hash with --hash',
  })
}

/** Whether the work tree below `path` differs from HEAD: changed, staged, or new files that are not ignored. */
export async function isDirty(git: Git, path: string): Promise<boolean> {
  if (!(await git.test('diff', '--no-ext-diff', '--exit-code', '--quiet', 'HEAD', '--', path))) return true
  return git.test('ls-files', '--exclude-standard', '--others', '--error-unmatch', '--', path)
}

/**
 * A hash of the contents of the files below the directories as they lie in the work tree, which tells two states of uncommitted work apart.
 * Names that git has to quote are left out, as LinuxKit does, so that both make the same tags.
 */
export async function contentHash(directories: readonly { readonly git: Git; readonly path: string }[]): Promise<string> {
  const hash = createHash('sha256')
  for (const { git, path } of directories) {
    const tracked = await git.run('ls-files', '--', '.')
    const others = await git.run('ls-files', '--exclude-standard', '--others', '--', '.')
    for (const name of `${tracked}${others}`.split('\n')) {
      if (name === '' || name.startsWith('"')) continue
      const file = join(path, name)
      const status = await lstat(file).catch(() => undefined)
      if (status?.isFile() !== true) continue
      for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
    }
  }
  return hash.digest('hex')
}
