import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { parseDocument, type Document } from '../base/document.js'
import { validate } from '../base/document-validate.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { containerConfig } from '../image/container-config.js'
import { debianSection } from './debian-section.js'
import { flag, list, text } from './fields.js'

const DEFAULT_ARCHES: readonly string[] = ['amd64', 'arm64', 'riscv64']
const DEFAULT_REPOSITORY = 'https://github.com/linuxkit/linuxkit'

const dockerImages = z.strictObject({
  list: list(z.string()),
  'from-file': text(''),
  target: text(''),
  'target-dir': text(''),
})

const buildYml = z.strictObject({
  image: z.string(),
  org: text('linuxkit'),
  tag: text('{{.Hash}}').transform((template) => (template === '' ? '{{.Hash}}' : template)),
  dockerfile: text('Dockerfile'),
  arches: list(z.string(), DEFAULT_ARCHES),
  'extra-sources': list(z.string().regex(/^[^:]*:[^:]*$/, 'an extra source is written "source:destination"')),
  gitrepo: text(DEFAULT_REPOSITORY),
  network: flag(false),
  'disable-cache': flag(false),
  buildArgs: list(z.string()),
  config: containerConfig.nullish().transform((config) => config ?? undefined),
  depends: z.strictObject({ 'docker-images': dockerImages.nullish() }).nullish(),
  debian: debianSection.nullish().transform((section) => section ?? undefined),
})

/** A package's description: LinuxKit's keys, and `debian:` for what is made of Debian packages instead of by a Dockerfile. */
export type BuildYml = z.infer<typeof buildYml>

export interface LoadedBuildYml {
  readonly document: Document
  readonly yml: BuildYml
}

/**
 * Reads and checks a build.yml.
 * @throws {LinuxkitError} `pkg/no-build-yml`, and with the place what `parseDocument` and `validate` throw
 */
export async function loadBuildYml(path: string): Promise<LoadedBuildYml> {
  const source = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isSystemError(error)) {
      throw new LinuxkitError('pkg/no-build-yml', `cannot read ${path}: ${error.message.split(',')[0]}`, {
        hint: 'a package is a directory with a build.yml',
        cause: error,
      })
    }
    throw error
  })
  return parseBuildYml(source, path)
}

/** Checks the text of a build.yml. @param file the name that messages use */
export function parseBuildYml(source: string, file: string): LoadedBuildYml {
  const document = parseDocument(source, file)
  return { document, yml: validate(document, buildYml) }
}
