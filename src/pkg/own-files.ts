import { lstat, readdir, readlink, realpath } from 'node:fs/promises'
import { join, posix, relative, resolve, sep } from 'node:path'
import { entry, type Entry } from '../archive/entry.js'
import { fileContent, textContent } from '../base/content.js'
import { isSystemError, LinuxkitError, type Place } from '../base/errors.js'
import type { FileEntry } from './debian-section.js'

/**
 * The entries that one line of `files:` stands for: one, or a whole tree when its source is a directory.
 * @param directory the package directory; sources lie in it, for only what lies there counts into the tag
 * @throws {LinuxkitError} `pkg/no-source`, `pkg/source-outside`
 */
export async function ownFiles(directory: string, file: FileEntry, where: Place): Promise<readonly Entry[]> {
  const { path, uid, gid } = file
  if (file.directory === true) return [entry({ path, type: 'directory', uid, gid, mode: file.mode ?? 0o755 })]
  if (file.symlink !== undefined) return [entry({ path, type: 'symlink', uid, gid, link: file.symlink })]
  if (file.contents !== undefined)
    return [entry({ path, type: 'file', uid, gid, mode: file.mode ?? 0o644, content: textContent(file.contents) })]
  const source = resolve(directory, file.source ?? '')
  try {
    const inside = relative(await realpath(directory), await realpath(source))
    if (inside === '..' || inside.startsWith(`..${sep}`)) {
      throw new LinuxkitError('pkg/source-outside', `the source "${file.source}" lies outside the package`, {
        where,
        hint: 'copy it into the package directory',
      })
    }
    return await sourceEntries(source, path, file)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
    throw new LinuxkitError('pkg/no-source', `there is no file "${file.source}" in the package`, { where, cause: error })
  }
}

/** Of a source's own permissions only the one to execute counts, because git keeps no others. */
async function sourceEntries(source: string, path: string, file: FileEntry): Promise<readonly Entry[]> {
  const { uid, gid } = file
  const status = await lstat(source)
  if (status.isSymbolicLink()) return [entry({ path, type: 'symlink', uid, gid, link: await readlink(source) })]
  if (status.isDirectory()) {
    const entries: Entry[] = [entry({ path, type: 'directory', uid, gid })]
    for (const name of (await readdir(source)).sort())
      entries.push(...(await sourceEntries(join(source, name), posix.join(path, name), file)))
    return entries
  }
  const mode = file.mode ?? ((status.mode & 0o100) === 0 ? 0o644 : 0o755)
  return [entry({ path, type: 'file', uid, gid, mode, content: fileContent(source, 0, status.size) })]
}
