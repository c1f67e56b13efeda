import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { concatContents, fileContent, readAll, type Content, type Range } from '../base/content.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { readTar } from '../archive/tar-reader.js'
import type { CachedImage } from '../image/cached-image.js'
import { newPart, type Part } from './part.js'

/** A configuration is a few kilobytes; what is larger is none. */
const METADATA_LIMIT = 16 << 20

/** The tar that an earlier build made, taken apart by the lines of its configuration. */
export interface EarlierTar {
  /** Text of the file that holds the configuration; undefined when the tar has no such file. */
  readonly metadata: string | undefined
  /** What a line (`services[0]`) has added to the tree; undefined when it has added nothing. */
  readonly part: (location: string) => EarlierPart | undefined
}

export interface EarlierPart extends Part {
  readonly holds: (path: string) => boolean
}

/** What an earlier build has made of the lines that have not changed. */
export interface EarlierParts {
  readonly part: (location: string) => EarlierPart | undefined
  /** The image of such a line, if it happens to be in the cache. */
  readonly imageOf: (location: string) => CachedImage | undefined
}

interface Found {
  source: string
  readonly ranges: Range[]
  readonly directories: Set<string>
}

/**
 * Reads a tar that `build --format tar` wrote; its PAX records say which line each entry comes from. Contents stay on disk.
 * @param metadataPath path of the configuration in the tar
 * @throws {LinuxkitError} `build/input-tar` with the file's name
 */
export async function readEarlierTar(path: string, metadataPath: string, signal: AbortSignal): Promise<EarlierTar> {
  try {
    return await scan(path, metadataPath, signal)
  } catch (error) {
    if (isSystemError(error)) {
      const reason = error.code === 'ENOENT' ? 'there is no such file' : error.message
      throw new LinuxkitError('build/input-tar', `cannot read --input-tar ${path}: ${reason}`, { cause: error })
    }
    if (!(error instanceof LinuxkitError)) throw error
    throw new LinuxkitError('build/input-tar', `--input-tar ${path}: ${error.message}`, {
      hint: 'it has to be what "build --format tar" wrote',
      cause: error,
    })
  }
}

async function scan(path: string, metadataPath: string, signal: AbortSignal): Promise<EarlierTar> {
  const { size } = await stat(path)
  const content = fileContent(path, 0, size)
  const found = new Map<string, Found>()
  let metadata: string | undefined
  let start = 0
  let current: Found | undefined
  const endCurrent = (end: number): void => {
    const range = current?.ranges.at(-1)
    if (range !== undefined) current?.ranges.splice(-1, 1, { ...range, end })
  }
  for await (const entry of readTar(content.open(), (position) => (start = position))) {
    signal.throwIfAborted()
    const location = entry.pax.get('LINUXKIT.location') ?? ''
    const part = found.get(location) ?? { source: entry.pax.get('LINUXKIT.source') ?? '', ranges: [], directories: new Set() }
    if (part !== current) {
      endCurrent(start)
      part.ranges.push({ start, end: size })
      found.set(location, part)
      current = part
    }
    if (entry.type === 'directory') part.directories.add(entry.path.replace(/\/$/, ''))
    if (entry.path === metadataPath && entry.type === 'file') {
      metadata = (await readAll(entry.content.open(), METADATA_LIMIT)).toString('utf8')
    }
  }
  const parts = new Map<string, EarlierPart>()
  for (const [location, one] of found) parts.set(location, await earlierPart(location, one, content))
  return { metadata, part: (location) => parts.get(location) }
}

async function earlierPart(location: string, { source, ranges, directories }: Found, tar: Content): Promise<EarlierPart> {
  const bytes = concatContents(ranges.map((range) => slice(tar, range)))
  const hash = createHash('sha256')
  for await (const chunk of bytes.open()) hash.update(chunk)
  return newPart({
    location,
    source,
    inputs: { 'input tar': hash.digest('hex') },
    entries: () => readTar(bytes.open()),
    holds: (path: string) => directories.has(path),
  })
}

function slice(content: Content, { start, end }: Range): Content {
  return {
    size: end - start,
    open: (range = { start: 0, end: end - start }) => content.open({ start: start + range.start, end: start + range.end }),
  }
}
