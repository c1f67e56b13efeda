import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readContent } from '../base/content.js'
import type { FileEntry } from './debian-section.js'
import { ownFiles } from './own-files.js'

let root: string
const WHERE = { file: 'build.yml', line: 7 }

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'linuxkit-files-'))
  await mkdir(join(root, 'package/tree/sub'), { recursive: true })
  await writeFile(join(root, 'package/tree/script'), '#!/bin/sh\n')
  await chmod(join(root, 'package/tree/script'), 0o740)
  await writeFile(join(root, 'package/tree/sub/data'), 'data')
  await symlink('../script', join(root, 'package/tree/sub/link'))
  await writeFile(join(root, 'outside'), '')
  await symlink('../outside', join(root, 'package/escape'))
})

afterEach(() => rm(root, { recursive: true, force: true }))

async function listing(file: Partial<FileEntry> & { readonly path: string }): Promise<readonly string[]> {
  const entries = await ownFiles(join(root, 'package'), { uid: 0, gid: 0, ...file }, WHERE)
  const contents = await Promise.all(entries.map(({ content }) => readContent(content)))
  return entries.map(({ type, path, mode, uid, gid, link }, index) =>
    [type, path, mode.toString(8), `${uid}:${gid}`, link, contents[index]?.toString()].filter((part) => part !== '').join(' '),
  )
}

test('contents, links and directories', async () => {
  expect(await listing({ path: 'a', contents: 'x', mode: 0o4755, uid: 5, gid: 6 })).toEqual(['file a 4755 5:6 x'])
  expect(await listing({ path: 'a', contents: '' })).toEqual(['file a 644 0:0'])
  expect(await listing({ path: 'a', symlink: '/b' })).toEqual(['symlink a 777 0:0 /b'])
  expect(await listing({ path: 'a', directory: true, uid: 5 })).toEqual(['directory a 755 5:0'])
})

test('files and trees of the package', async () => {
  expect(await listing({ path: 'a', source: 'tree/script' })).toEqual(['file a 755 0:0 #!/bin/sh\n'])
  expect(await listing({ path: 'a/b', source: 'tree', gid: 9 })).toEqual([
    'directory a/b 755 0:9',
    'file a/b/script 755 0:9 #!/bin/sh\n',
    'directory a/b/sub 755 0:9',
    'file a/b/sub/data 644 0:9 data',
    'symlink a/b/sub/link 777 0:9 ../script',
  ])
})

test('nothing from outside the package', async () => {
  await expect(listing({ path: 'a', source: '../outside' })).rejects.toMatchObject({ code: 'pkg/source-outside', where: WHERE })
  await expect(listing({ path: 'a', source: 'escape' })).rejects.toMatchObject({ code: 'pkg/source-outside' })
  await expect(listing({ path: 'a', source: 'nowhere' })).rejects.toMatchObject({ code: 'pkg/no-source', where: WHERE })
})
