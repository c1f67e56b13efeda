import { parseDocument } from '../base/document.js'
import { validate } from '../base/document-validate.js'
import { mergeConfigs } from './merge.js'
import { ymlSchema, type Config, type File } from './schema.js'

/** The line of `files:` that puts the configuration into the image; of several the last. */
export function metadataFile({ files }: Config): File | undefined {
  return files.findLast(({ metadata }) => metadata !== undefined && metadata !== '')
}

/**
 * The configuration that an earlier build has left in its image (`metadata: yaml` or `json`).
 * @param file a name for messages
 * @throws {LinuxkitError} as `parseDocument` and `validate` do
 */
export function parseMetadata(text: string, file: string): Config {
  const document = parseDocument(text, file)
  // LinuxKit writes empty lists of JSON as null.
  const value =
    typeof document.value === 'object' && document.value !== null
      ? Object.fromEntries(Object.entries(document.value).filter(([, member]) => member !== null))
      : document.value
  return mergeConfigs([{ document, yml: validate({ ...document, value }, ymlSchema) }])
}
