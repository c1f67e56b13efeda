import { stat } from 'node:fs/promises'
import { readAr, type ArMember } from '../../archive/ar.js'
import { decompress } from '../../archive/decompress.js'
import type { Entry } from '../../archive/entry.js'
import { cleanPath } from '../../archive/path.js'
import { readTar } from '../../archive/tar-reader.js'
import { fileContent, readContent } from '../../base/content.js'
import { LinuxkitError } from '../../base/errors.js'
import { parseControl, type Stanza } from './control.js'

/** A binary package file (deb(5)). */
export interface Deb {
  /** Fields of its control file, by their names as written: `Package`, `Version`, … */
  readonly control: Stanza
  /**
   * The files of the package, to be read in sequence; it may be iterated more than once. Paths and targets of hard links are
   * relative to the root of the target system and never lead out of it; the root directory itself is left out.
   */
  readonly entries: AsyncIterable<Entry>
}

/** Far more than any control file has. */
const CONTROL_LIMIT = 1 << 20

/** @throws {LinuxkitError} `debian/bad-deb`, and those of the archive readers */
export async function readDeb(path: string): Promise<Deb> {
  const { size } = await stat(path)
  const members = (): AsyncIterable<ArMember> => readAr(fileContent(path, 0, size).open())
  return {
    control: await readControl(members(), path),
    entries: { [Symbol.asyncIterator]: () => readData(members(), path) },
  }
}

async function readControl(members: AsyncIterable<ArMember>, path: string): Promise<Stanza> {
  let version: string | undefined
  for await (const { name, content } of members) {
    if (version === undefined) {
      if (name !== 'debian-binary' || content.size > 64) throw badDeb(path, 'its first member is not "debian-binary"')
      version = (await readContent(content)).toString('latin1').trim()
      // A higher minor version stays compatible (deb(5)).
      if (!version.startsWith('2.')) throw badDeb(path, `its format is ${version}, not 2.0`)
    } else if (/^control\.tar(?:\.|$)/.test(name)) {
      for await (const entry of readTar(decompress(content.open()))) {
        if (cleanPath(entry.path) !== 'control') continue
        if (entry.content.size > CONTROL_LIMIT) throw badDeb(path, 'its control file is too large')
        const [control] = parseControl((await readContent(entry.content)).toString('utf8'))
        if (control !== undefined) return control
      }
      break
    }
  }
  throw badDeb(path, 'it has no control file')
}

async function* readData(members: AsyncIterable<ArMember>, path: string): AsyncGenerator<Entry> {
  for await (const { name, content } of members) {
    if (!/^data\.tar(?:\.|$)/.test(name)) continue
    for await (const entry of readTar(decompress(content.open()))) {
      const cleaned = cleanPath(entry.path)
      if (cleaned === '') continue
      yield { ...entry, path: cleaned, link: entry.type === 'hardlink' ? cleanPath(entry.link) : entry.link }
    }
    return
  }
  throw badDeb(path, 'it has no files')
}

function badDeb(path: string, reason: string): LinuxkitError {
  return new LinuxkitError('debian/bad-deb', `${path} is not a Debian package: ${reason}`)
}
