import { readFile } from 'node:fs/promises'
import { nonEmpty, nullish, pipe, regex, strictObject, string, transform, type InferOutput } from 'valibot'
import { parseDocument, type Document } from '../base/document.js'
import { validate } from '../base/document-validate.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { containerConfig } from '../image/container-config.js'
import { debianSection } from './debian-section.js'
import { flag, list, section, text } from './fields.js'

const DEFAULT_ARCHES: readonly string[] = ['amd64', 'arm64', 'riscv64']
const DEFAULT_REPOSITORY = 'https://github.com/linuxkit/linuxkit'

const dockerImages = strictObject({
  list: list(string()),
  'from-file': text(''),
  target: text(''),
  'target-dir': text(''),
})

/** A build.yml. */
export const buildYmlSchema = strictObject({
  image: pipe(string(), nonEmpty('an image needs a name')),
  org: text('linuxkit'),
  tag: nullish(
    pipe(
      string(),
      transform((template) => (template === '' ? '{{.Hash}}' : template)),
    ),
    '{{.Hash}}',
  ),
  dockerfile: text('Dockerfile'),
  arches: list(string(), DEFAULT_ARCHES),
  'extra-sources': list(pipe(string(), regex(/^[^:]*:[^:]*$/, 'an extra source is written "source:destination"'))),
  gitrepo: text(DEFAULT_REPOSITORY),
  network: flag(false),
  'disable-cache': flag(false),
  buildArgs: list(string()),
  config: section(containerConfig),
  depends: nullish(strictObject({ 'docker-images': nullish(dockerImages) })),
  debian: section(debianSection),
})

/** A package's description: LinuxKit's keys, and `debian:` for what is made of Debian packages instead of by a Dockerfile. */
export type BuildYml = InferOutput<typeof buildYmlSchema>

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
  return { document, yml: validate(document, buildYmlSchema) }
}
