import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { entry, type Entry } from '../archive/entry.js'
import { textContent } from '../base/content.js'
import { silent } from '../base/progress.js'
import { judge } from '../disk/test-support.js'
import type { BootLoaderFiles } from '../pkg/boot-loader.js'
import { newPart, type Part } from '../rootfs/part.js'
import { Materials } from './materials.js'
import { rpi3 } from './rpi3.js'
import { writeFiles } from './write.js'

const signal = new AbortController().signal

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-rpi3-'))
})

afterEach(() => rm(directory, { recursive: true }))

const file = (path: string, text: string): Entry => entry({ path, type: 'file', content: textContent(text) })

function kernelPart(more: readonly Entry[] = []): Part {
  return newPart({
    location: 'kernel',
    source: 'test',
    inputs: { more: more.map(({ path }) => path) },
    async *entries() {
      yield file('boot/kernel', 'a kernel')
      yield file('boot/cmdline', 'console=ttyS1\n')
      yield* more
      yield file('etc/hello', 'hello')
    },
  })
}

const files = (...paths: readonly string[]): BootLoaderFiles => new Map(paths.map((path) => [path, Buffer.from(path)]))

const FIRMWARE = files(
  ...['bootcode.bin', 'start.elf', 'start_cd.elf', 'start4.elf', 'fixup.dat', 'fixup4x.dat'].map(
    (name) => `usr/lib/raspi-firmware/${name}`,
  ),
  'usr/lib/u-boot/rpi_3/u-boot.bin',
  'usr/share/doc/raspi-firmware/copyright',
)

async function card(parts: readonly Part[], deviceTrees: BootLoaderFiles): Promise<(name: string) => Promise<Buffer>> {
  await using materials = new Materials(
    { parts, kernelCompressions: [] },
    {
      arch: 'arm64',
      fragmentDirectory: join(directory, 'fragments'),
      compression: undefined,
      packedRoot: undefined,
      size: undefined,
      bootLoaders: new Map([
        ['raspberry', FIRMWARE],
        ['raspberry-device-trees', deviceTrees],
      ]),
      progress: silent,
      signal,
    },
  )
  const [path = ''] = await writeFiles(join(directory, 'image'), await rpi3.make(materials), signal)
  execFileSync('tar', ['-xf', path, '-C', directory])
  return (name) => readFile(join(directory, name))
}

const DEBIAN = files('usr/lib/linux-image-6.12/broadcom/bcm2837-rpi-3-b.dtb')

test('a card has what mkimage knows as a kernel, an initrd and a script that starts them', async () => {
  const read = await card([kernelPart()], DEBIAN)
  const list = (name: string): string => judge('mkimage', '-l', join(directory, name))
  expect(list('kernel.uimg')).toMatch(/AArch64 Linux Kernel Image \(gzip compressed\)[^]*Load Address: 00080000\nEntry Point: +00080000/)
  expect(list('initrd.uimg')).toContain('AArch64 Linux RAMDisk Image (uncompressed)')
  expect(list('boot.scr')).toContain('AArch64 Linux Script (uncompressed)')
  const kernel = (await read('kernel.uimg')).subarray(64)
  expect(execFileSync('gzip', ['-dc'], { input: kernel }).toString()).toBe('a kernel')
  const script = (await read('boot.scr')).subarray(72).toString()
  expect(script).toMatch(/^setenv bootargs .* root=\/dev\/ram0 rw console=ttyS1$/m)
  expect(script).toMatch(/^bootm 0x06000000 0x08000000 0x05f00000$/m)
})

test('a card has the firmware of this model, and says what it starts', async () => {
  const read = await card([kernelPart()], DEBIAN)
  for (const name of [
    'bootcode.bin',
    'start.elf',
    'start_cd.elf',
    'fixup.dat',
    'u-boot.bin',
    'LICENCE.broadcom',
    'dtb/broadcom/bcm2837-rpi-3-b.dtb',
  ]) {
    expect((await read(name)).length).toBeGreaterThan(0)
  }
  for (const name of ['start4.elf', 'fixup4x.dat']) await expect(read(name)).rejects.toThrow('ENOENT')
  expect((await read('config.txt')).toString()).toContain('kernel=u-boot.bin\n')
})

test('device trees of the kernel image go before those of Debian, and there have to be some', async () => {
  const read = await card([kernelPart([file('boot/dtb/broadcom/bcm2837-rpi-3-b.dtb', 'its own')])], DEBIAN)
  expect((await read('dtb/broadcom/bcm2837-rpi-3-b.dtb')).toString()).toBe('its own')
  await expect(card([kernelPart()], new Map())).rejects.toMatchObject({ code: 'build/no-device-tree' })
})
