import { expect, it } from 'vitest'
import { textContent } from '../base/content.js'
import { entry, type Entry } from '../archive/entry.js'
import { chooseModules, modulePath, readModuleIndex } from './boot-modules.js'

const TREE = {
  'lib/modules/6.1/modules.dep': [
    'kernel/fs/squashfs/squashfs.ko:',
    'kernel/drivers/block/virtio_blk.ko.xz:',
    'kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libahci.ko.xz kernel/drivers/ata/libata.ko.xz',
    'kernel/drivers/ata/libahci.ko.xz: kernel/drivers/ata/libata.ko.xz',
    'kernel/drivers/ata/libata.ko.xz:',
    'kernel/drivers/net/dummy.ko.xz:',
    'kernel/crypto/crc32c-generic.ko.xz:',
    '',
  ].join('\n'),
  'lib/modules/6.1/modules.alias':
    '# Aliases\nalias fs-squashfs squashfs\nalias virtio:d00000002v* virtio_blk\nalias rtnl-link-dummy dummy\n',
  'lib/modules/6.1/modules.softdep': '# Soft\nsoftdep squashfs pre: crc32c-generic post: dummy\nsoftdep dummy pre: ahci\n',
  'lib/modules/6.1/modules.builtin': 'kernel/drivers/virtio/virtio_pci.ko\n',
}

async function* tree(files: Readonly<Record<string, string>>): AsyncIterable<Entry> {
  for (const [path, text] of Object.entries(files)) yield entry({ path, type: 'file', content: textContent(text) })
}

it('chooses modules with all that they need, and cuts the indexes to them', async () => {
  const index = await readModuleIndex(tree(TREE))
  if (index === undefined) throw new Error('no index')
  expect(index.release).toBe('6.1')

  const chosen = chooseModules(index, ['squashfs', 'not-there'], false)
  expect([...chosen.files].sort()).toEqual(['kernel/crypto/crc32c-generic.ko.xz', 'kernel/fs/squashfs/squashfs.ko'])
  expect(chosen.indexes).toEqual({
    'modules.dep': 'kernel/fs/squashfs/squashfs.ko:\nkernel/crypto/crc32c-generic.ko.xz:\n',
    'modules.alias': 'alias fs-squashfs squashfs\n',
    'modules.softdep': 'softdep squashfs pre: crc32c-generic post: dummy\n',
    'modules.builtin': 'kernel/drivers/virtio/virtio_pci.ko\n',
  })
})

it('knows soft dependencies by their aliases', async () => {
  const index = await readModuleIndex(
    tree({
      'lib/modules/6.1/modules.dep': 'fs/erofs.ko: lib/libcrc32c.ko\nlib/libcrc32c.ko:\nx86/crc32c-intel.ko:\ncrypto/crc32c_generic.ko:\n',
      'lib/modules/6.1/modules.alias': 'alias crypto-crc32c crc32c_intel\nalias crypto-crc32c crc32c_generic\nalias crypto-* other\n',
      'lib/modules/6.1/modules.softdep': 'softdep libcrc32c pre: crypto_crc32c\n',
    }),
  )
  if (index === undefined) throw new Error('no index')
  const { files, indexes } = chooseModules(index, ['erofs'], false)
  expect([...files].sort()).toEqual(['crypto/crc32c_generic.ko', 'fs/erofs.ko', 'lib/libcrc32c.ko', 'x86/crc32c-intel.ko'])
  expect(indexes['modules.alias']).toBe('alias crypto-crc32c crc32c_intel\nalias crypto-crc32c crc32c_generic\n')
})

it('adds the drivers of disks with what they depend on', async () => {
  const index = await readModuleIndex(tree(TREE))
  if (index === undefined) throw new Error('no index')
  expect([...chooseModules(index, [], true).files].sort()).toEqual([
    'kernel/drivers/ata/ahci.ko.xz',
    'kernel/drivers/ata/libahci.ko.xz',
    'kernel/drivers/ata/libata.ko.xz',
    'kernel/drivers/block/virtio_blk.ko.xz',
  ])
})

it('finds modules in merged and unmerged trees, and none where there are none', async () => {
  expect(modulePath('usr/lib/modules/6.1/kernel/a.ko')).toEqual({ release: '6.1', file: 'kernel/a.ko' })
  expect(modulePath('lib/modules/6.1')).toBeUndefined()
  expect(await readModuleIndex(tree({ 'boot/kernel': 'x' }))).toBeUndefined()
})
