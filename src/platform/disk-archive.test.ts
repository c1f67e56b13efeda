import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { archivedDiskStart, unpackDisk } from './disk-archive.js'

const { signal } = new AbortController()
let directory: string
let archive: string
let target: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'disk-archive-'))
  archive = join(directory, 'x.img.tar.gz')
  target = join(directory, 'state', 'disk.raw')
  const disk = join(directory, 'disk.raw')
  await writeFile(disk, 'boot record')
  await truncate(disk, 64 << 20)
  await writeFile(join(directory, 'other'), 'x')
  execFileSync('tar', ['-C', directory, '--format=oldgnu', '--sparse', '-czf', archive, 'other', './disk.raw'])
})
afterAll(() => rm(directory, { recursive: true }))

test('finds the disk in an archive and unpacks it with its holes, once', async () => {
  expect((await archivedDiskStart(archive, 13)).toString('latin1')).toBe('boot record\0\0')
  await unpackDisk(archive, target, signal)
  const { size, blocks } = await stat(target)
  expect(size).toBe(64 << 20)
  expect(blocks * 512).toBeLessThanOrEqual(1 << 20)
  expect(execFileSync('cmp', [target, join(directory, 'disk.raw')]).toString()).toBe('')

  await writeFile(target, 'what the machine has written')
  await unpackDisk(archive, target, signal)
  expect(await readFile(target, 'utf8')).toBe('what the machine has written')
  await utimes(target, 0, 0)
  await unpackDisk(archive, target, signal)
  expect((await stat(target)).size).toBe(64 << 20)
})

test('refuses what holds no disk', async () => {
  const other = join(directory, 'other.gz')
  execFileSync('tar', ['-C', directory, '-czf', other, 'other'])
  await expect(archivedDiskStart(other, 1)).rejects.toMatchObject({ code: 'run/archive' })
  execFileSync('sh', ['-c', `gzip -c "${directory}/other" > "${other}"`])
  await expect(archivedDiskStart(other, 1)).rejects.toMatchObject({ code: 'run/archive' })
})
