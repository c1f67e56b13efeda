import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readAr } from './ar.js'
import { chunked, gather, run } from './test-support.js'

const MEMBERS = { 'debian-binary': '2.0\n', 'control.tar.xz': 'odd', 'data.tar.xz': 'x'.repeat(70_001) }

function makeArchive(): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'ar-'))
  try {
    const paths = Object.entries(MEMBERS).map(([name, text]) => {
      writeFileSync(join(directory, name), text)
      return join(directory, name)
    })
    run('ar', ['rcSD', join(directory, 'made.deb'), ...paths])
    return readFileSync(join(directory, 'made.deb'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function read(archive: Uint8Array, chunkSize?: number): Promise<Record<string, string>> {
  const members: Record<string, string> = {}
  for await (const { name, content } of readAr(chunked(archive, chunkSize))) members[name] = (await gather(content.open())).toString()
  return members
}

test.each([1, 7, 60, 4096, 1 << 20])('members of an archive made by ar, in chunks of %d', async (chunkSize) => {
  expect(await read(makeArchive(), chunkSize)).toEqual(MEMBERS)
})

test('members that are not read are passed over, and the last padding may be missing', async () => {
  const names: string[] = []
  for await (const member of readAr(chunked(makeArchive().subarray(0, -1)))) names.push(member.name)
  expect(names).toEqual(Object.keys(MEMBERS))
})

test('what is not such an archive', async () => {
  await expect(read(Buffer.from('!<arch>\r'))).rejects.toMatchObject({ code: 'archive/corrupt' })
  await expect(read(Buffer.from('!<arch>\nshort'))).rejects.toMatchObject({ code: 'archive/truncated' })
  const archive = makeArchive()
  await expect(read(archive.subarray(0, -2))).rejects.toMatchObject({ code: 'archive/truncated' })
  archive.write('-1 ', 8 + 48)
  await expect(read(archive)).rejects.toMatchObject({ code: 'archive/corrupt' })
})
