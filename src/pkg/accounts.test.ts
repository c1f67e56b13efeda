import { expect, test } from 'vitest'
import { entry } from '../archive/entry.js'
import { textContent } from '../base/content.js'
import { accountFiles } from './accounts.js'
import { FileTree } from './file-tree.js'

const DEFAULTS = { home: '/nonexistent', shell: '/usr/sbin/nologin' }

test('without a base there is root, and what is added', async () => {
  const files = await accountFiles(new FileTree(), [{ name: 'nginx', uid: 101, ...DEFAULTS }], [{ name: 'docker', gid: 999 }])
  expect(files.get('etc/passwd')?.text).toBe('root:x:0:0:root:/root:/bin/sh\nnginx:x:101:101::/nonexistent:/usr/sbin/nologin\n')
  expect(files.get('etc/group')?.text).toBe('root:x:0:\ndocker:x:999:\nnginx:x:101:\n')
  expect(files.has('etc/shadow')).toBe(false)
})

test('builds on what Debian brings, replaces accounts, and keeps passwords apart', async () => {
  const tree = new FileTree()
  const master = (name: string, text: string) =>
    tree.add(entry({ path: `usr/share/base-passwd/${name}.master`, type: 'file', content: textContent(text) }))
  master('passwd', 'root:*:0:0:root:/root:/bin/bash\ndaemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n')
  master('group', 'root:*:0:\ndaemon:*:1:\nshadow:*:42:\n')
  const users = [
    { name: 'root', uid: 0, home: '/root', shell: '/bin/sh', password: '' },
    { name: 'web', uid: 33, gid: 42, ...DEFAULTS },
  ]
  const files = await accountFiles(tree, users, [])
  expect(files.get('etc/passwd')?.text).toBe(
    'root:x:0:0::/root:/bin/sh\ndaemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nweb:x:33:42::/nonexistent:/usr/sbin/nologin\n',
  )
  expect(files.get('etc/group')?.text).toBe('root:*:0:\ndaemon:*:1:\nshadow:*:42:\n')
  expect(files.get('etc/shadow')).toEqual({
    text: 'root:::0:99999:7:::\ndaemon:*::0:99999:7:::\nweb:*::0:99999:7:::\n',
    mode: 0o640,
  })
})
