import { execFileSync } from 'node:child_process'
import { chmod, link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Entry } from '../../archive/entry.js'
import { readAll } from '../../base/content.js'
import { readDeb } from './deb.js'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-deb-'))
  const root = join(directory, 'root')
  await mkdir(join(root, 'DEBIAN'), { recursive: true })
  await mkdir(join(root, 'usr', 'bin'), { recursive: true })
  await writeFile(
    join(root, 'DEBIAN', 'control'),
    'Package: tool\nVersion: 1:2.0-1\nArchitecture: amd64\nMaintainer: A <a@b.test>\nDescription: a tool\n that helps\n',
  )
  await writeFile(join(root, 'usr', 'bin', 'tool'), '#!/bin/sh\n'.repeat(1000))
  await chmod(join(root, 'usr', 'bin', 'tool'), 0o4755)
  await link(join(root, 'usr', 'bin', 'tool'), join(root, 'usr', 'bin', 'tool2'))
  await symlink('../usr/bin/tool', join(root, 'usr', 'link'))
})
afterAll(() => rm(directory, { recursive: true }))

async function gather(entries: AsyncIterable<Entry>): Promise<Map<string, string>> {
  const result = new Map<string, string>()
  for await (const { path, type, mode, uid, link, content } of entries) {
    const bytes = await readAll(content.open(), 100_000)
    result.set(path, `${type} ${mode.toString(8)} ${uid} ${link} ${bytes.length}`)
  }
  return result
}

describe('readDeb', () => {
  test.each(['xz', 'zstd', 'gzip', 'none'])('reads what dpkg-deb made with %s', async (compression) => {
    const path = join(directory, `${compression}.deb`)
    execFileSync('dpkg-deb', ['-b', '--root-owner-group', `-Z${compression}`, join(directory, 'root'), path])
    const deb = await readDeb(path)
    expect([...deb.control]).toEqual([
      ['Package', 'tool'],
      ['Version', '1:2.0-1'],
      ['Architecture', 'amd64'],
      ['Maintainer', 'A <a@b.test>'],
      ['Description', 'a tool\nthat helps'],
    ])
    const expected = [
      ['usr', 'directory 755 0  0'],
      ['usr/bin', 'directory 755 0  0'],
      ['usr/link', 'symlink 777 0 ../usr/bin/tool 0'],
    ]
    const found = await gather(deb.entries)
    expect([...found]).toEqual(expect.arrayContaining(expected))
    // Which of the two names is the file is up to the order of the directory.
    const [file, other] = found.get('usr/bin/tool')?.startsWith('file') === true ? ['tool', 'tool2'] : ['tool2', 'tool']
    expect(found.get(`usr/bin/${file}`)).toBe('file 4755 0  10000')
    expect(found.get(`usr/bin/${other}`)).toBe(`hardlink 4755 0 usr/bin/${file} 0`)
    expect(found.size).toBe(5)
    expect(await gather(deb.entries)).toEqual(found)
  })

  test('refuses paths that lead out of the root', async () => {
    const work = join(directory, 'evil')
    await mkdir(join(work, 'in'), { recursive: true })
    await writeFile(join(work, 'control'), 'Package: evil\n')
    await writeFile(join(work, 'debian-binary'), '2.0\n')
    await writeFile(join(work, 'passwd'), 'evil')
    execFileSync('tar', ['-cf', 'control.tar', './control'], { cwd: work })
    execFileSync('tar', ['-cPf', '../data.tar', '../passwd'], { cwd: join(work, 'in') })
    execFileSync('ar', ['rc', 'evil.deb', 'debian-binary', 'control.tar', 'data.tar'], { cwd: work })
    const deb = await readDeb(join(work, 'evil.deb'))
    await expect(gather(deb.entries)).rejects.toMatchObject({ code: 'archive/outside-root' })
  })

  test('says what is wrong with other files', async () => {
    const path = join(directory, 'not.deb')
    await writeFile(path, 'hello, this is no archive at all')
    await expect(readDeb(path)).rejects.toMatchObject({ name: 'LinuxkitError' })
    execFileSync('ar', ['rc', 'other.deb', join(directory, 'root', 'DEBIAN', 'control')], { cwd: directory })
    await expect(readDeb(join(directory, 'other.deb'))).rejects.toMatchObject({ code: 'debian/bad-deb' })
  })
})
