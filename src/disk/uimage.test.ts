import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bytesContent } from '../base/content.js'
import { judge, temporaryDirectory, writeContent } from './test-support.js'
import { uBootScript, uImage } from './uimage.js'

const time = 1492533000

test.each([
  ['kernel', 'gzip', 0x80000],
  ['ramdisk', 'none', 0],
] as const)('a %s is what mkimage makes', async (type, compression, address) => {
  using directory = temporaryDirectory()
  const [data, own, theirs] = [directory.path('data'), directory.path('own'), directory.path('theirs')]
  writeFileSync(data, 'some data')
  await writeContent(own, await uImage(bytesContent(Buffer.from('some data')), { type, compression, name: 'LinuxKit', address, time }))
  const hex = address.toString(16)
  const kind = ['-A', 'arm64', '-O', 'linux', '-T', type, '-C', compression]
  judge('env', `SOURCE_DATE_EPOCH=${time}`, 'mkimage', ...kind, '-a', hex, '-e', hex, '-n', 'LinuxKit', '-d', data, theirs)
  expect(readFileSync(own).equals(readFileSync(theirs))).toBe(true)
})

test('a script is what mkimage makes', async () => {
  using directory = temporaryDirectory()
  const [data, own, theirs] = [directory.path('data'), directory.path('own'), directory.path('theirs')]
  writeFileSync(data, 'echo hello\n')
  await writeContent(own, await uBootScript('echo hello\n', { name: 'boot', time }))
  const kind = ['-A', 'arm64', '-O', 'linux', '-T', 'script', '-C', 'none']
  judge('env', `SOURCE_DATE_EPOCH=${time}`, 'mkimage', ...kind, '-n', 'boot', '-d', data, theirs)
  expect(readFileSync(own).equals(readFileSync(theirs))).toBe(true)
})
