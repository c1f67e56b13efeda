import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { exists } from '../base/files.js'

/**
 * Every file and directory that the tag of a package without uncommitted changes depends on: its sources, and what git keeps of the commit that is checked
 * out, of the index, and of the names to ignore. Some of them need not exist. What the user's own configuration tells git to ignore is not among them.
 * @param sources absolute paths of directories in work trees
 */
export async function tagSources(sources: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>()
  for (const source of sources) {
    await walk(source, found)
    for (let directory = source; ; directory = dirname(directory)) {
      found.add(join(directory, '.gitignore'))
      if (await exists(join(directory, '.git'))) {
        for (const file of await gitFiles(join(directory, '.git'))) found.add(file)
        break
      }
      if (dirname(directory) === directory) break
    }
  }
  return [...found]
}

async function walk(path: string, found: Set<string>): Promise<void> {
  found.add(path)
  for (const one of await readdir(path, { withFileTypes: true })) {
    const inside = join(path, one.name)
    if (one.isDirectory()) await walk(inside, found)
    else found.add(inside)
  }
}

/** What says which commit is checked out and what of it is changed (gitrepository-layout(5)). */
async function gitFiles(dotGit: string): Promise<readonly string[]> {
  const directory = await gitDirectory(dotGit)
  const common = resolve(directory, (await readFile(join(directory, 'commondir'), 'utf8').catch(() => '.')).trim())
  const head = await readFile(join(directory, 'HEAD'), 'utf8').catch(() => '')
  const [, branch] = /^ref: (.+)$/m.exec(head) ?? []
  const ofCommon = ['packed-refs', 'reftable/tables.list', 'config', 'info/exclude', ...(branch === undefined ? [] : [branch])]
  const own = ['HEAD', 'index'].map((name) => join(directory, name))
  // The directory itself changes with every lock that git takes in it.
  return [...(directory === dotGit ? [] : [dotGit]), ...own, ...ofCommon.map((name) => join(common, name))]
}

/** In a linked work tree or a submodule `.git` is a file that names the directory. */
async function gitDirectory(dotGit: string): Promise<string> {
  const text = await readFile(dotGit, 'utf8').catch(() => '')
  const [, target] = /^gitdir: (.+)$/m.exec(text) ?? []
  return target === undefined ? dotGit : resolve(dirname(dotGit), target)
}
