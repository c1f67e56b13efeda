import type { Document, DocumentPath } from '../base/document.js'
import { formatPath } from '../base/document-validate.js'
import { LinuxkitError } from '../base/errors.js'
import { parseReference } from '../image/reference.js'
import type { Loaded } from './merge.js'
import { CONTAINER_SECTIONS, type Yml } from './schema.js'
import { PACKAGE_PREFIX } from './templates.js'

/** What the schema cannot say about one file: names of volumes, and that the names of images can be read. */
export function checkFile({ document, yml }: Loaded): LinuxkitError[] {
  return [...volumeErrors(document, yml), ...imagePaths(yml).flatMap(([path, image]) => imageErrors(document, path, image))]
}

/** Services are started and stopped by name, so it must be unique in all files together. */
export function duplicateServices(files: readonly Loaded[]): LinuxkitError[] {
  const seen = new Map<string, string>()
  return files.flatMap(({ document, yml }) =>
    (yml.services ?? []).flatMap(({ name }, index) => {
      const where = document.place(['services', index, 'name'], 'value')
      const earlier = seen.get(name)
      seen.set(name, `${document.file}:${where.line}`)
      if (earlier === undefined) return []
      return [
        new LinuxkitError('config/duplicate-service', `services[${index}]: duplicate service "${name}"`, {
          where,
          hint: `the other one stands in ${earlier}; give each its own name`,
        }),
      ]
    }),
  )
}

/** The names become directories below /containers/volumes. */
const VOLUME_NAME = /^[a-z0-9_-]*$/

function volumeErrors(document: Document, yml: Yml): LinuxkitError[] {
  const seen = new Set<string>()
  return (yml.volumes ?? []).flatMap(({ name }, index) => {
    const where = document.place(['volumes', index, 'name'], 'value')
    const duplicate = seen.has(name)
    seen.add(name)
    if (!VOLUME_NAME.test(name)) {
      const hint = 'names of volumes consist of lower case letters, digits, "_" and "-"'
      return [new LinuxkitError('config/volume-name', `volumes[${index}].name: "${name}" is not a name for a volume`, { where, hint })]
    }
    if (duplicate) return [new LinuxkitError('config/duplicate-volume', `volumes[${index}]: duplicate volume "${name}"`, { where })]
    return []
  })
}

function imagePaths(yml: Yml): readonly (readonly [DocumentPath, string])[] {
  return [
    ...(yml.kernel?.image === undefined ? [] : [[['kernel', 'image'], yml.kernel.image] as const]),
    ...(yml.init ?? []).map((image, index) => [['init', index], image] as const),
    ...CONTAINER_SECTIONS.flatMap((section) => (yml[section] ?? []).map(({ image }, index) => [[section, index, 'image'], image] as const)),
    ...(yml.volumes ?? []).flatMap(({ image }, index) => (image === undefined ? [] : [[['volumes', index, 'image'], image] as const])),
  ]
}

function imageErrors(document: Document, path: DocumentPath, image: string): LinuxkitError[] {
  try {
    parseReference(image)
    return []
  } catch (cause) {
    if (!(cause instanceof LinuxkitError)) throw cause
    const hint = image.startsWith(PACKAGE_PREFIX)
      ? 'packages are found from the place of a yml file: give the path of the file'
      : cause.hint
    return [new LinuxkitError(cause.code, `${formatPath(path)}: ${cause.message}`, { where: document.place(path, 'value'), hint, cause })]
  }
}
