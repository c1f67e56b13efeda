import { describe, expect, it } from 'vitest'
import type { Entry } from '../archive/entry.js'
import { bytesContent, readAll, textContent } from '../base/content.js'
import { findImage, temporaryCache } from '../image/test-support.js'
import { kernelPart, type KernelFiles } from './kernel-part.js'
import { addImage, tarOf, type Tree } from './test-support.js'

const FILES: KernelFiles = { cmdline: 'quiet', binary: 'kernel', tar: undefined, ucode: undefined, decompress: false }

async function entriesOf(tree: Tree, files: Partial<KernelFiles> = {}): Promise<readonly Entry[]> {
  const cache = await temporaryCache()
  await addImage(cache, 'test/kernel', tree)
  const part = kernelPart(await findImage(cache, 'test/kernel'), { ...FILES, ...files })
  const entries: Entry[] = []
  for await (const entry of part.entries(new AbortController().signal)) entries.push(entry)
  return entries
}

describe('kernelPart', () => {
  it('keeps permissions and extended attributes of the kernel, not its owner', async () => {
    const xattrs = new Map([['user.a', Buffer.from('b')]])
    const kernel: Partial<Entry> = { mode: 0o640, uid: 3, gid: 4, userName: 'u', groupName: 'g', xattrs, content: textContent('k') }
    const entries = await entriesOf({ kernel, other: 'dropped' })
    expect(entries.map(({ path }) => path)).toEqual(['boot', 'boot/cmdline', 'boot/kernel'])
    expect(entries[2]).toMatchObject({ mode: 0o640, uid: 0, gid: 0, userName: '', groupName: '' })
    expect(entries[2]?.xattrs.size).toBe(1)
  })

  it('finds all of its files in directories of the image, and makes boot once', async () => {
    const entries = await entriesOf({ 'a/ucode': 'u', 'a/kernel': 'k' }, { binary: 'a/kernel', ucode: 'a/ucode' })
    expect(entries.map(({ path }) => path)).toEqual(['boot', 'boot/ucode.cpio', 'boot/cmdline', 'boot/kernel'])
  })

  it.each<[string, Partial<Entry>, string]>([
    ['a symbolic link', { type: 'symlink', link: 'vmlinuz' }, 'a link to "vmlinuz"'],
    ['a hard link', { type: 'hardlink', link: 'vmlinuz' }, 'a link to "vmlinuz"'],
    ['a directory', { type: 'directory' }, 'is not a file'],
  ])('takes no kernel, tar or microcode that is %s', async (_title, one, message) => {
    const link = { vmlinuz: 'k', named: one }
    for (const files of [{ binary: 'named' }, { binary: 'vmlinuz', tar: 'named' }, { binary: 'vmlinuz', ucode: 'named' }]) {
      await expect(entriesOf(link, files)).rejects.toMatchObject({
        code: 'build/kernel-file-type',
        message: expect.stringContaining(message) as string,
      })
    }
  })

  it('takes no tar that leads out of the root', async () => {
    const tar = await readAll(tarOf({ '../etc/passwd': 'x' }), 1 << 20)
    await expect(entriesOf({ kernel: 'k', 'kernel.tar': { content: bytesContent(tar) } }, { tar: 'kernel.tar' })).rejects.toMatchObject({
      code: 'archive/outside-root',
      message: expect.stringContaining('docker.io/test/kernel') as string,
    })
  })

  it('says which file of which image is no tar', async () => {
    await expect(entriesOf({ kernel: 'k', 'kernel.tar': 'x'.repeat(1000) }, { tar: 'kernel.tar' })).rejects.toThrow(
      '"kernel.tar" of the kernel image docker.io/test/kernel cannot be unpacked',
    )
  })
})
