import { LinuxkitError } from '../base/errors.js'

/**
 * The path that an archive means, relative to the archive's root: `./a//b/` is `a/b`, `/etc` is `etc`, and the root itself is empty.
 * @throws {LinuxkitError} `archive/outside-root` when `..` would lead out of the root
 */
export function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) {
      throw new LinuxkitError('archive/outside-root', `the path "${path}" leads out of the archive's root`)
    }
  }
  return parts.join('/')
}
