import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError } from '../../base/errors.js'
import { parseControl, type Stanza } from './control.js'

/** A place that the host's apt fetches binary packages from. */
export interface AptSource {
  /** Without a slash at the end. */
  readonly uri: string
  /** Paths of keyrings or an ASCII-armored key, as `Signed-By` has them; empty when the host leaves it to apt's default. */
  readonly signedBy: string
  /** False when an entry says that old lists of packages are acceptable, as one for a snapshot of the archive does. */
  readonly checkValidUntil: boolean
}

/**
 * The binary package sources of the host (sources.list(5), both formats), in apt's order: sources.list first, then the files of
 * sources.list.d by name. Empty on hosts without apt.
 * @param directory `/etc/apt`
 */
export async function readAptSources(directory: string): Promise<readonly AptSource[]> {
  const parts = join(directory, 'sources.list.d')
  const names = await orWhenMissing(readdir(parts), [])
  const paths = [join(directory, 'sources.list'), ...names.toSorted().map((name) => join(parts, name))]
  const sources: AptSource[] = []
  for (const path of paths) {
    if (path.endsWith('.list')) sources.push(...parseListFile(await orWhenMissing(readFile(path, 'utf8'), '')))
    else if (path.endsWith('.sources')) sources.push(...parseControl(await readFile(path, 'utf8')).flatMap(fromStanza))
  }
  return sources
}

async function orWhenMissing<Result>(reading: Promise<Result>, otherwise: Result): Promise<Result> {
  return reading.catch((error: unknown) => {
    // Some hosts keep credentials in these files and hide them from users; they are then as good as absent.
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'EACCES')) return otherwise
    throw error
  })
}

/** `deb [option=value …] uri suite component…`, one source a line. */
function parseListFile(text: string): readonly AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s/.exec(line.replace(/#.*/, ' '))
    if (match === null) return []
    const [, options = '', uri = ''] = match
    const option = (name: string): string => new RegExp(`(?:^|\\s)${name}=(\\S+)`, 'i').exec(options)?.[1] ?? ''
    const signedBy = option('signed-by').replaceAll(',', ' ')
    return [{ uri: withoutSlash(uri), signedBy, checkValidUntil: !isNo(option('check-valid-until')) }]
  })
}

function fromStanza(stanza: Stanza): readonly AptSource[] {
  const field = new Map([...stanza].map(([name, value]) => [name.toLowerCase(), value]))
  const words = (name: string): readonly string[] => (field.get(name) ?? '').split(/\s+/).filter((word) => word !== '')
  if (!words('types').includes('deb') || isNo(field.get('enabled') ?? '')) return []
  const checkValidUntil = !isNo(field.get('check-valid-until') ?? '')
  return words('uris').map((uri) => ({ uri: withoutSlash(uri), signedBy: field.get('signed-by') ?? '', checkValidUntil }))
}

/** The words that apt takes for false. */
export function isNo(word: string): boolean {
  return /^(?:no|false|without|off|disable|0)$/i.test(word)
}

export function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, '')
}
