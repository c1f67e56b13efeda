import type { Document, DocumentPath } from '../base/document.js'
import type { Place } from '../base/errors.js'
import type { Config, Kernel, Yml } from './schema.js'

/** A checked yml file. */
export interface Loaded {
  readonly document: Document
  readonly yml: Yml
}

const LISTS = ['init', 'onboot', 'onshutdown', 'services', 'files', 'volumes'] as const

/** Joins files from left to right: lists are concatenated, values of the kernel section replaced. */
export function mergeConfigs(files: readonly Loaded[]): Config {
  return {
    kernel: Object.assign({}, ...files.map(({ yml }) => withoutUndefined(yml.kernel ?? {}))) as Kernel,
    init: files.flatMap(({ yml }) => yml.init ?? []),
    onboot: files.flatMap(({ yml }) => yml.onboot ?? []),
    onshutdown: files.flatMap(({ yml }) => yml.onshutdown ?? []),
    services: files.flatMap(({ yml }) => yml.services ?? []),
    files: files.flatMap(({ yml }) => yml.files ?? []),
    volumes: files.flatMap(({ yml }) => yml.volumes ?? []),
  }
}

/** Where something of the merged configuration stands: the file it comes from and its place there. */
export function placeInFiles(files: readonly Loaded[], path: DocumentPath): Place | undefined {
  const [section, position] = path
  const list = LISTS.find((name) => name === section)
  if (list === undefined || typeof position !== 'number') {
    const key = path[1] as keyof Kernel | undefined
    const holder = files.findLast(
      ({ yml }) => section === 'kernel' && yml.kernel !== undefined && (key === undefined || yml.kernel[key] !== undefined),
    )
    return (holder ?? files.at(-1))?.document.place(path, 'value')
  }
  let index = position
  for (const { document, yml } of files) {
    const length = yml[list]?.length ?? 0
    if (index < length) return document.place([list, index, ...path.slice(2)], 'value')
    index -= length
  }
  return undefined
}

function withoutUndefined(kernel: Kernel): Kernel {
  return Object.fromEntries(Object.entries(kernel).filter(([, value]) => value !== undefined))
}
