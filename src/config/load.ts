import { oneOrAll, parseDocument, type DocumentPath } from '../base/document.js'
import { validate } from '../base/document-validate.js'
import { LinuxkitError, type Place } from '../base/errors.js'
import { parseReference } from '../image/reference.js'
import { checkFile, duplicateServices } from './check.js'
import { mergeConfigs, placeInFiles, type Loaded } from './merge.js'
import { ymlSchema, type Config } from './schema.js'
import { readSource, type SourceOptions } from './source.js'
import { fillTemplates, type ResolvePackage } from './templates.js'

export interface LoadOptions extends SourceOptions {
  /** Gives the tag of the package in a directory; without it `@pkg:` texts stay as they are. */
  readonly resolvePackage?: ResolvePackage | undefined
}

export interface LoadedConfig {
  readonly config: Config
  /**
   * Where something stands: a location such as `services[0].image` or a path such as `['services', 0, 'capabilities.add']`.
   * For what is not written in a yml, the nearest thing around it.
   */
  readonly placeOf: (location: string | DocumentPath) => Place | undefined
  /** Directories of the packages that `@pkg:` texts named, by the normalised name of their image. */
  readonly packages: ReadonlyMap<string, string>
}

/**
 * Reads, checks and merges configurations.
 * @param sources files, `-` for standard input, http(s) URLs; later ones add to earlier ones
 * @throws {LinuxkitError} for whatever is wrong with them, with the place; LinuxkitErrors for several problems of one file
 */
export async function loadConfig(sources: readonly string[], options: LoadOptions = {}): Promise<LoadedConfig> {
  if (sources.filter((source) => source === '-').length > 1) {
    throw new LinuxkitError('config/stdin-twice', 'standard input ("-") can be read only once')
  }
  const packages = new Map<string, string>()
  const resolve = rememberPackages(options.resolvePackage, packages)
  const files: Loaded[] = []
  let templates = false
  for (const source of sources) {
    const { file, text, directory } = await readSource(source, options)
    const document = parseDocument(text, file)
    // A file without content ("---") is a configuration with nothing in it.
    const yml = document.value === null ? {} : validate(document, ymlSchema)
    // As in LinuxKit, standard input may name packages only when a file was given before it.
    templates ||= directory !== undefined && source !== '-'
    const filled = templates && resolve !== undefined && directory !== undefined
    const loaded = { document, yml: filled ? await fillTemplates(yml, document, directory, resolve) : yml }
    const errors = checkFile(loaded)
    if (errors.length > 0) throw oneOrAll(errors, file)
    files.push(loaded)
  }
  const duplicates = duplicateServices(files)
  if (duplicates.length > 0) throw oneOrAll(duplicates, 'the configuration')
  return {
    config: mergeConfigs(files),
    placeOf: (location) => placeInFiles(files, typeof location === 'string' ? parseLocation(location) : location),
    packages,
  }
}

/** Resolves each directory once and notes what came out. */
function rememberPackages(resolve: ResolvePackage | undefined, packages: Map<string, string>): ResolvePackage | undefined {
  if (resolve === undefined) return undefined
  const tags = new Map<string, Promise<string>>()
  return async (directory) => {
    const pending = tags.get(directory) ?? resolve(directory)
    tags.set(directory, pending)
    const tag = await pending
    packages.set(parseReference(tag).text, directory)
    return tag
  }
}

function parseLocation(location: string): DocumentPath {
  return (location.match(/[^.[\]]+/g) ?? []).map((step) => (/^\d+$/.test(step) ? Number(step) : step))
}
