import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { entry } from '../archive/entry.js'
import { tarContent } from '../archive/tar-writer.js'
import { bytesContent, readContent } from '../base/content.js'
import { openCache } from '../image/cache.js'
import { addImage, tarOf } from '../rootfs/test-support.js'

/** Bytes that do not compress and are the same in every run. */
export function noise(name: string, size: number): Buffer {
  return createHash('shake256', { outputLength: size }).update(name).digest()
}

/** Where Debian's packages have what boots. */
const LOADERS = {
  syslinux: [
    'usr/bin/syslinux',
    'usr/lib/ISOLINUX/isolinux.bin',
    'usr/lib/ISOLINUX/isohdpfx.bin',
    'usr/lib/syslinux/mbr/mbr.bin',
    'usr/lib/syslinux/mbr/gptmbr.bin',
    'usr/lib/syslinux/modules/bios/ldlinux.c32',
  ],
  'systemd-boot': ['usr/lib/systemd/boot/efi/linuxx64.efi.stub', 'usr/lib/systemd/boot/efi/systemd-bootx64.efi'],
} as const

export const KERNEL = Buffer.concat([Buffer.from('MZ'), noise('kernel', 3_000_001)])

export const YML = `
kernel:
  image: test/kernel
  cmdline: "console=ttyS0"
  ucode: ucode.cpio
init:
  - test/init
services:
  - name: web
    image: test/web
files:
  - path: etc/motd
    contents: "hello"
    mode: "0640"
`

export interface Workshop extends AsyncDisposable {
  readonly directory: string
  readonly cacheDirectory: string
  readonly yml: string
}

/** A directory with a yml, and a cache that has its images, and boot loaders for amd64 as they are installed on this machine. */
export async function workshop(): Promise<Workshop> {
  const directory = await mkdtemp(join(tmpdir(), 'linuxkit-formats-'))
  const cacheDirectory = join(directory, 'cache')
  const cache = await openCache(cacheDirectory)
  const modules = {
    'lib/modules/6.12/modules.dep': 'kernel/isofs.ko:\nkernel/squashfs.ko:\nkernel/dummy.ko:\n',
    'lib/modules/6.12/kernel/isofs.ko': 'the module isofs',
    'lib/modules/6.12/kernel/squashfs.ko': 'the module squashfs',
    'lib/modules/6.12/kernel/dummy.ko': 'the module dummy',
  }
  await addImage(cache, 'test/kernel', {
    kernel: { content: bytesContent(KERNEL) },
    'kernel.tar': { content: bytesContent(await gather(tarOf(modules))) },
    'ucode.cpio': 'MICROCODE',
  })
  await addImage(cache, 'test/init', {
    init: { mode: 0o755, content: bytesContent(Buffer.concat([noise('init', 1000), Buffer.from('/root-mount\0')])) },
    'sbin/init': { mode: 0o755, content: bytesContent(noise('busybox', 700_000)) },
    'bin/sh': { type: 'symlink', link: '../sbin/init' },
    'bin/ash': { type: 'hardlink', link: 'sbin/init' },
    empty: null,
    'usr/share/a name with blanks and more than thirty-one characters': 'long',
  })
  await addImage(cache, 'test/web', { 'bin/web': 'x'.repeat(3 << 20), 'bin/noise': { content: bytesContent(noise('web', 2_000_000)) } })
  await mkdir(join(cacheDirectory, 'boot-loaders'))
  for (const [name, paths] of Object.entries(LOADERS)) {
    const entries = []
    for (const path of paths) entries.push(entry({ path, type: 'file', content: bytesContent(await readFile(`/${path}`)) }))
    await writeFile(join(cacheDirectory, 'boot-loaders', `${name}-amd64-trixie.tar`), await readContent(tarContent(entries)))
  }
  const yml = join(directory, 'image.yml')
  await writeFile(yml, YML)
  return { directory, cacheDirectory, yml, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
}

async function gather(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
