import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../image/test-support.js'
import { loadPackage } from './package.js'

const PINNED = `org/image@sha256:${'a'.repeat(64)}`

async function load(section: string): Promise<string> {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'build.yml'), `image: a\ndepends: {docker-images: ${section}}\n`)
  await writeFile(join(directory, 'images.txt'), `# all\n\n${PINNED}\n`)
  await writeFile(join(directory, 'loose.txt'), 'org/image:1\n')
  return (await loadPackage(directory, { hash: 'h' })).tag
}

describe('depends.docker-images', () => {
  test.each([
    `{list: ["${PINNED}"], target: images.tar}`,
    `{list: ["${PINNED}"], target-dir: images}`,
    '{from-file: images.txt, target: a/b.tar}',
    '{list: [], target: x}',
    '',
  ])('takes %s', async (section) => {
    expect(await load(section)).toBe('linuxkit/a:h')
  })

  test.each([
    ['{list: [org/image:1], target: x}', 'lacks a digest'],
    ['{list: ["no//image"], target: x}', 'not an image name'],
    ['{from-file: loose.txt, target: x}', 'lacks a digest'],
    ['{from-file: nowhere.txt, target: x}', 'nowhere.txt'],
    ['{list: [], target: x, target-dir: y}', 'are mutually exclusive'],
    [`{list: ["${PINNED}"], from-file: images.txt, target: x}`, 'are mutually exclusive'],
    ['{list: [], target: /x}', 'must be relative'],
    ['{list: [], target-dir: .}', 'must not be the package directory itself'],
    ['{list: [], target: ../x}', 'must be within the package directory'],
  ])('refuses %s', async (section, message) => {
    await expect(load(section)).rejects.toThrow(message)
  })
})
