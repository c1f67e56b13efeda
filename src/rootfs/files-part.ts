import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { fileContent, textContent, type Content } from '../base/content.js'
import { isSystemError, LinuxkitError, type Place } from '../base/errors.js'
import { entry, type Entry } from '../archive/entry.js'
import { fileSpec, type FileSpec } from '../config/files.js'
import { resolveId, type Ids } from '../config/ids.js'
import { metadataJson, metadataYaml } from '../config/metadata.js'
import type { Config, File } from '../config/schema.js'
import { newPart, type Part } from './part.js'

const STAMP = 'linuxkit.files'

/** Bytes of a file that is encoded sooner than found among the kept fragments. */
const SMALL = 1 << 16

export interface FilesContext {
  readonly config: Config
  readonly ids: Ids
  readonly placeOf: (location: string) => Place | undefined
}

/**
 * A part for each line of `files:`. A file brings the directories above it along unless an earlier line has brought them; what an image
 * has is not looked at, so that the parts do not depend on it.
 */
export async function filesParts(context: FilesContext): Promise<readonly Part[]> {
  const known = new Set<string>()
  const parts: Part[] = []
  for (const [index, file] of context.config.files.entries()) {
    const location = `files[${index}]`
    const entries = await fileEntries(file, location, context, known)
    if (entries.length === 0) continue
    const identity = []
    for (const { path, type, mode, uid, gid, link, content } of entries) {
      identity.push({ path, type, mode, uid, gid, link, contents: await contentDigest(content) })
    }
    parts.push(
      newPart({
        location,
        source: file.path,
        stamp: STAMP,
        inputs: { files: identity },
        small: entries.every(({ content }) => content.size <= SMALL),
        entries: () => each(entries),
      }),
    )
  }
  return parts
}

async function* each(entries: readonly Entry[]): AsyncIterable<Entry> {
  yield* entries
}

async function contentDigest(content: Content): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of content.open()) hash.update(chunk)
  return hash.digest('hex')
}

async function fileEntries(file: File, location: string, context: FilesContext, known: Set<string>): Promise<readonly Entry[]> {
  const placeOf = (member: string): Place | undefined => context.placeOf(`${location}.${member}`) ?? context.placeOf(location)
  const spec = fileSpec(file, context.placeOf(location))
  const { path, mode } = spec
  const owner = {
    uid: resolveId(file.uid, context.ids, `${location}.uid`, () => placeOf('uid')),
    gid: resolveId(file.gid, context.ids, `${location}.gid`, () => placeOf('gid')),
  }
  const object = await objectOf(spec, context.config, placeOf('source'))
  if (object === 'absent') return []

  const entries: Entry[] = []
  for (const directory of parents(path)) {
    if (known.has(directory)) continue
    known.add(directory)
    entries.push(entry({ path: directory, type: 'directory', mode: spec.parentMode, ...owner }))
  }
  if (object.type === 'directory') known.add(path)
  entries.push(entry({ path, mode, ...owner, ...object }))
  return entries
}

type FileObject = Pick<Entry, 'type'> & Partial<Pick<Entry, 'link' | 'content'>>

/** What lies at the path; `absent` when it is optional and its source does not exist. */
async function objectOf({ origin }: FileSpec, config: Config, place: Place | undefined): Promise<FileObject | 'absent'> {
  switch (origin.type) {
    case 'directory':
      return { type: 'directory' }
    case 'symlink':
      return { type: 'symlink', link: origin.target }
    case 'contents':
      return { type: 'file', content: textContent(origin.text) }
    case 'metadata':
      return { type: 'file', content: textContent(origin.format === 'yaml' ? metadataYaml(config) : metadataJson(config)) }
    case 'source': {
      const found = await sourceContent(origin.path, origin.optional, place)
      return found === 'absent' ? found : { type: 'file', content: found }
    }
  }
}

async function sourceContent(path: string, optional: boolean, where: Place | undefined): Promise<Content | 'absent'> {
  try {
    const status = await stat(path)
    if (status.isFile()) return fileContent(path, 0, status.size)
    throw new LinuxkitError('config/file-source', `"${path}" is not a file`, {
      where,
      hint: 'each file of a directory needs a line of its own',
    })
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (optional) return 'absent'
    const reason = error.code === 'ENOENT' ? 'there is no such file' : error.message
    throw new LinuxkitError('config/file-source', `cannot read "${path}": ${reason}`, {
      where,
      hint: 'the path is relative to the current directory; with "optional: true" a missing source is left out',
    })
  }
}

function* parents(path: string): Iterable<string> {
  const names = path.split('/')
  for (let depth = 1; depth < names.length; depth++) yield names.slice(0, depth).join('/')
}
