import { readFile } from 'node:fs/promises'
import { isAbsolute, join, resolve, sep } from 'node:path'
import type { Document, DocumentPath } from '../base/document.js'
import { isSystemError, LinuxkitError } from '../base/errors.js'
import { parseReference } from '../image/reference.js'
import type { BuildYml } from './build-yml.js'

const SECTION: DocumentPath = ['depends', 'docker-images']

/**
 * Checks what a package says about images that its build needs as files (`depends.docker-images`): one place inside the package, and images that are named
 * by their digests, for else the package's hash would not say what it is made of.
 * @param directory absolute path of the package
 * @throws {LinuxkitError} `pkg/depends`
 */
export async function checkDockerImages(directory: string, { depends }: BuildYml, document: Document): Promise<void> {
  const images = depends?.['docker-images']
  if (images === undefined || images === null) return
  const bad = (key: string, reason: string): LinuxkitError =>
    new LinuxkitError('pkg/depends', `depends.docker-images: ${reason}`, { where: document.place([...SECTION, key], 'value') })
  const { list, 'from-file': fromFile, target, 'target-dir': targetDirectory } = images
  if (target !== '' && targetDirectory !== '') throw bad('target', '"target" and "target-dir" are mutually exclusive')
  if (list.length > 0 && fromFile !== '') throw bad('list', '"list" and "from-file" are mutually exclusive')

  const [key, path] = target === '' ? ['target-dir', targetDirectory] : ['target', target]
  const place = resolve(directory, path)
  if (isAbsolute(path)) throw bad(key, `"${path}" must be relative to the package directory`)
  if (path !== '' && place === directory) throw bad(key, `"${path}" must not be the package directory itself`)
  if (path !== '' && !place.startsWith(directory + sep)) throw bad(key, `"${path}" must be within the package directory`)

  for (const image of fromFile === '' ? list : await imagesOf(join(directory, fromFile), (reason) => bad('from-file', reason))) {
    const { digest } = parseReference(image)
    if (digest === undefined) throw bad(fromFile === '' ? 'list' : 'from-file', `the image "${image}" lacks a digest`)
  }
}

async function imagesOf(path: string, bad: (reason: string) => LinuxkitError): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw isSystemError(error) ? bad(`cannot read ${path}: ${error.message.split(',')[0]}`) : error
  })
  return text.split('\n').flatMap((line) => (line.trim() === '' || line.startsWith('#') ? [] : [line.trim()]))
}
