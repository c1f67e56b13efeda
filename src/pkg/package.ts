import { join, resolve } from 'node:path'
import { userInfo } from 'node:os'
import type { Document } from '../base/document.js'
import { parseReference, type Reference } from '../image/reference.js'
import { loadBuildYml, type BuildYml } from './build-yml.js'
import { checkDockerImages } from './docker-images.js'
import { packageTag, type PackageTag, type TagOptions } from './tag.js'

export interface PackageOptions extends TagOptions {
  /** Name of the description in the package directory; default `build.yml`. */
  readonly buildYml?: string | undefined
  /** For one's own builds: the organisation is the user's name and the hash is `dev`, unless they are given. */
  readonly dev?: boolean | undefined
}

/** A package directory that has been read, with the name that its image has. */
export interface Package extends PackageTag {
  /** Absolute. */
  readonly directory: string
  readonly yml: BuildYml
  /** The build.yml, for the places that messages name. */
  readonly document: Document
}

/**
 * Reads a package directory and computes its tag; only git is asked, no network.
 * @throws {LinuxkitError} for a build.yml with mistakes, and `pkg/not-in-git`
 */
export async function loadPackage(directory: string, options: PackageOptions = {}): Promise<Package> {
  const path = resolve(directory)
  const { yml, document } = await loadBuildYml(join(path, options.buildYml ?? 'build.yml'))
  await checkDockerImages(path, yml, document)
  const dev = options.dev === true ? { org: options.org ?? process.env['USER'] ?? userInfo().username, hash: options.hash ?? 'dev' } : {}
  return { directory: path, yml, document, ...(await packageTag(path, yml, { ...options, ...dev })) }
}

/** The full name of a package's image. @throws {LinuxkitError} `image/bad-reference` */
export function packageReference(one: Package): Reference {
  return parseReference(one.tag)
}
