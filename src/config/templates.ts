import { join } from 'node:path'
import type { Document, DocumentPath } from '../base/document.js'
import { formatPath } from '../base/document-validate.js'
import { LinuxkitError } from '../base/errors.js'

/** A text that begins with this names a package by the path of its directory and becomes the package's tag. */
export const PACKAGE_PREFIX = '@pkg:'

/** Gives the tag of the package in a directory. */
export type ResolvePackage = (directory: string) => Promise<string>

/**
 * Puts the tags of packages in place of `@pkg:` texts, in a copy. All are asked for at once, since each is the work of other processes.
 * @param directory what the paths are relative to; absolute paths are, too, as in LinuxKit
 * @throws {LinuxkitError} what `resolve` throws, with the place of the text
 */
export async function fillTemplates<T>(value: T, document: Document, directory: string, resolve: ResolvePackage): Promise<T> {
  const fill = async (inner: unknown, path: DocumentPath): Promise<unknown> => {
    if (typeof inner === 'string') {
      return inner.startsWith(PACKAGE_PREFIX) ? tagOf(join(directory, inner.slice(PACKAGE_PREFIX.length)), path) : inner
    }
    if (Array.isArray(inner)) {
      return Promise.all(inner.map((item: unknown, index) => fill(item, [...path, index])))
    }
    if (typeof inner !== 'object' || inner === null) return inner
    const members = Object.entries(inner).map(async ([key, member]) => {
      const at = [...path, key]
      return [String(await fill(key, at)), await fill(member, at)] as const
    })
    return Object.fromEntries(await Promise.all(members))
  }
  const tagOf = (packageDirectory: string, path: DocumentPath): Promise<string> =>
    resolve(packageDirectory).catch((cause: unknown) => {
      if (!(cause instanceof LinuxkitError)) throw cause
      // The reason may stand in the package's own build.yml; then that place says more.
      const where = cause.where ?? document.place(path, 'value')
      throw new LinuxkitError(cause.code, `${formatPath(path)}: ${cause.message}`, { where, hint: cause.hint, cause })
    })
  return (await fill(value, [])) as T
}
