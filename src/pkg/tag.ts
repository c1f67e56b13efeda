import { createHash } from 'node:crypto'
import { resolve, sep } from 'node:path'
import { LinuxkitError } from '../base/errors.js'
import type { BuildYml } from './build-yml.js'
import { renderTagTemplate } from './tag-template.js'
import { contentHash, Git, treeHash } from './tree-hash.js'
import { WorkTrees } from './work-tree.js'

export interface TagOptions {
  /** Replaces the organisation of the build.yml. */
  readonly org?: string | undefined
  /** Replaces the tag template of the build.yml. */
  readonly tag?: string | undefined
  /** Taken instead of the hash of the package's tree in git. */
  readonly hash?: string | undefined
  /** The commit whose tree is hashed; default `HEAD`. */
  readonly hashCommit?: string | undefined
  /** A directory that holds the package and is hashed instead of it. */
  readonly hashPath?: string | undefined
  readonly forceDirty?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** What git has said already, when many packages are loaded at once. */
  readonly workTrees?: WorkTrees | undefined
}

export interface PackageTag {
  /** `linuxkit/init:0123…`, as `pkg show-tag` prints it. */
  readonly tag: string
  /** The tree hash with what marks uncommitted changes; empty outside git. */
  readonly hash: string
  readonly dirty: boolean
  /** Asks git for the last commit that changed the package's sources; undefined outside git and with uncommitted changes. */
  readonly revision: () => Promise<string | undefined>
  /** Absolute paths of the directories that were hashed; undefined outside git and with uncommitted changes. */
  readonly sources: readonly string[] | undefined
}

/**
 * The tag of a package: its name and the hash of all its sources, so that the same sources have the same tag everywhere.
 * Sources of guest programs count like extra sources, and make the package dirty as well.
 * @param directory absolute path of the package
 */
export async function packageTag(directory: string, yml: BuildYml, options: TagOptions): Promise<PackageTag> {
  const { hash, dirty, revision, sources } = await sourceHash(directory, yml, options)
  const rendered = renderTagTemplate(options.tag === undefined || options.tag === '' ? yml.tag : options.tag, hash)
  const tag = `${options.org ?? yml.org}/${yml.image}:${rendered === '' ? 'latest' : rendered}`
  return { tag, hash, dirty, revision, sources }
}

async function sourceHash(directory: string, yml: BuildYml, options: TagOptions): Promise<Omit<PackageTag, 'tag'>> {
  const git = new Git(directory, options.signal)
  const { workTrees = new WorkTrees() } = options
  if (!(await workTrees.contains(git, directory))) {
    return { hash: options.hash ?? '', dirty: false, revision: async () => undefined, sources: undefined }
  }

  const commit = options.hashCommit ?? 'HEAD'
  const hashed = hashPath(directory, options.hashPath)
  const programSources = [...new Set(yml.debian?.programs.map(({ source }) => resolve(directory, source)))].map((path) => ({
    path,
    git: new Git(path, options.signal),
  }))
  const extra = yml['extra-sources'].map((source) => resolve(directory, source.slice(0, source.indexOf(':'))))
  let { hash } = options
  if (hash === undefined) {
    const hashOf = (git: Git, path: string): Promise<string> =>
      commit === 'HEAD' ? workTrees.treeHash(git, path) : treeHash(git, path, commit)
    const trees = await Promise.all([
      hashOf(git, hashed),
      ...extra.map((path) => hashOf(new Git(path, options.signal), path)),
      ...programSources.map(({ path, git }) => hashOf(git, path)),
    ])
    hash = trees.length === 1 ? (trees[0] ?? '') : createHash('sha1').update(trees.join('')).digest('hex')
  }
  let dirty = options.forceDirty ?? false
  if (commit === 'HEAD') {
    const checked = await Promise.all(
      [{ path: hashed, git }, ...programSources].map((source) => workTrees.isDirty(source.git, source.path)),
    )
    dirty ||= checked.includes(true)
  }
  if (dirty && options.hash === undefined)
    hash += `-dirty-${(await contentHash([{ path: directory, git }, ...programSources])).slice(0, 7)}`
  const sources = [hashed, ...extra, ...programSources.map(({ path }) => path)]
  return {
    hash,
    dirty,
    revision: async () => (dirty ? undefined : git.lastChange(sources)),
    sources: dirty ? undefined : sources,
  }
}

function hashPath(directory: string, given: string | undefined): string {
  const path = given === undefined || given === '' ? directory : resolve(given)
  if (path === directory || directory.startsWith(path + sep)) return path
  throw new LinuxkitError('pkg/hash-path', `the hash path ${path} is not a prefix of the package's path ${directory}`)
}
