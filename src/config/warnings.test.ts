import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { loadConfig } from './load.js'
import { warningsOf } from './warnings.js'

const directory = mkdtempSync(join(tmpdir(), 'warnings-'))
afterAll(() => rmSync(directory, { recursive: true }))

async function warned(yml: string): Promise<readonly string[]> {
  const file = join(directory, 'image.yml')
  writeFileSync(file, yml)
  return warningsOf(await loadConfig([file])).map(({ message, where }) => `${where?.line}:${where?.column} ${message}`)
}

const KERNEL = 'kernel: {image: k, cmdline: console=ttyS0}\ninit: [i]\n'

it.each([
  ['kernel:\n  image: k\n  cmdline: quiet\ninit: [i]\n', '3:12 kernel.cmdline names no console, so nothing shows on a serial line'],
  ['kernel:\n  image: k\n  cmdline: quiet console=tty0\n', '2:3 there is a kernel and no "init", so nothing runs after it'],
  [
    `${KERNEL}files:\n  - path: /var/lib/data\n    contents: x\n`,
    '4:11 files[0]: a file system is mounted on /var at boot and hides "/var/lib/data"',
  ],
  [
    `${KERNEL}files:\n  - {path: etc/a, contents: x}\n  - {path: /etc//a, contents: y}\n`,
    '5:12 files[1]: "/etc//a" takes the place of files[0]',
  ],
  [
    `${KERNEL}services:\n  - name: web\n    image: i\n    binds: ["/a:/x", "/b:/x:ro"]\n`,
    '6:22 services[0] (web): a second bind on "/x" hides the first',
  ],
  [`${KERNEL}volumes:\n  - name: data\n`, '4:11 volumes[0]: no container uses "data"'],
])('%j', async (yml, expected) => {
  expect(await warned(yml)).toEqual([expected])
})

it('says nothing of what is right', async () => {
  const volumes = 'volumes:\n  - {name: a}\n  - {name: b}\n  - {name: c}\n'
  const services = `services:
  - {name: x, image: i, binds: ["a:/a", "/b:/b"], mounts: [{source: c, destination: /c, type: bind}]}
  - {name: y, image: i, binds.add: ["b:/b"]}
`
  const files = 'files:\n  - {path: etc/x, directory: true}\n  - {path: etc/x, directory: true}\n  - {path: variable, contents: x}\n'
  expect(await warned(KERNEL + volumes + services + files)).toEqual([])
})
