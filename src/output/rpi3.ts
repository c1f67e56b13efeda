import { bytesContent, readAll, textContent, type Content } from '../base/content.js'
import { digestOf } from '../base/digest.js'
import { LinuxkitError } from '../base/errors.js'
import { PROGRAM } from '../base/program.js'
import { entry, FIXED_TIME, type Entry } from '../archive/entry.js'
import { gzip } from '../archive/gzip.js'
import { tarContent } from '../archive/tar-writer.js'
import { walk } from '../archive/tree.js'
import { singleLine } from '../disk/command-line.js'
import { uBootScript, uImage } from '../disk/uimage.js'
import { bootOf } from './boot.js'
import type { Format } from './format.js'
import type { Materials } from './materials.js'
import { kept, treeOf } from './root-images.js'

/** Where U-Boot puts what it reads: above what the kernel is unpacked to, which grows beyond 32 MiB, and below itself at the end of a gigabyte. */
const ADDRESSES = { unpacked: 0x00080000, deviceTree: 0x05f00000, kernel: 0x06000000, initrd: 0x08000000 } as const

/**
 * What LinuxKit says to the kernel on this machine, and the serial port on the pins by the name that it has with device trees of Linux itself (its alias is
 * `serial1` in bcm2837-rpi-3-b.dts) and not with those of the Raspberry Pi's makers. The command line of the yml comes after it.
 */
const COMMAND_LINE = 'dwc_otg.lpm_enable=0 earlyprintk console=tty1 console=ttyS0,115200 console=ttyS1,115200 root=/dev/ram0 rw'

/** For the firmware: it starts U-Boot in 64 bit mode, with the serial port at a speed that does not depend on the processor's. */
const FIRMWARE_CONFIGURATION = 'arm_64bit=1\nenable_uart=1\nkernel=u-boot.bin\n'

const DEVICE_TREE = /^bcm2837-rpi-3-[\w-]*\.dtb$/

/** What the first partition of an SD card for a Raspberry Pi 3 holds: its firmware, which starts U-Boot, which starts the kernel. */
export const rpi3: Format = {
  name: 'rpi3',
  summary: 'the files of an SD card for the Raspberry Pi 3, to be unpacked into a FAT32 partition',
  architectures: ['arm64'],
  startedBy: 'Raspberry Pi 3',
  rootOn: 'memory',
  streams: false,
  hasSize: false,
  suffixes: ['.tar'],
  bootLoaders: () => ['raspberry', 'raspberry-device-trees'],
  async make(materials) {
    const { kernel, initrd, commandLine } = await bootOf(materials)
    const time = FIXED_TIME.seconds
    const files: Readonly<Record<string, Content>> = {
      ...firmwareFiles(materials),
      'config.txt': textContent(FIRMWARE_CONFIGURATION),
      'boot.scr': await uBootScript(bootScript(commandLine), { name: 'LinuxKit', time }),
      'kernel.uimg': await uImage(await compressed(materials, kernel), {
        type: 'kernel',
        compression: 'gzip',
        name: 'LinuxKit kernel',
        address: ADDRESSES.unpacked,
        time,
      }),
      // The kernel unpacks it, not U-Boot.
      'initrd.uimg': await uImage(initrd, { type: 'ramdisk', compression: 'none', name: 'LinuxKit initrd', address: 0, time }),
      ...(await deviceTrees(materials)),
    }
    return [{ suffix: '.tar', content: tarContent([...entriesOf(files)]) }]
  },
}

function* entriesOf(files: Readonly<Record<string, Content>>): Iterable<Entry> {
  for (const path of ['dtb', 'dtb/broadcom']) yield entry({ path, type: 'directory' })
  for (const [path, content] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) yield entry({ path, type: 'file', content })
}

function firmwareFiles({ options }: Materials): Readonly<Record<string, Content>> {
  const files: Record<string, Content> = {}
  for (const [path, bytes] of options.bootLoaders.get('raspberry') ?? []) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    // Those with a 4 are for that model.
    if (/^(?:bootcode\.bin|(?:start|fixup)(?:_[a-z]+)?\.(?:elf|dat)|u-boot\.bin)$/.test(name)) files[name] = bytesContent(bytes)
    else if (name === 'copyright') files['LICENCE.broadcom'] = bytesContent(bytes)
  }
  return files
}

function bootScript(commandLine: string): string {
  const { deviceTree, kernel, initrd } = ADDRESSES
  const hex = (address: number): string => `0x${address.toString(16).padStart(8, '0')}`
  return [
    `setenv bootargs ${singleLine(`${COMMAND_LINE} ${commandLine}`)}`,
    `fatload mmc 0:1 ${hex(deviceTree)} dtb/\${fdtfile}`,
    `fatload mmc 0:1 ${hex(kernel)} kernel.uimg`,
    `fatload mmc 0:1 ${hex(initrd)} initrd.uimg`,
    `bootm ${hex(kernel)} ${hex(initrd)} ${hex(deviceTree)}`,
    '',
  ].join('\n')
}

/** Those of the kernel image, if it has any, else Debian's, by the paths that U-Boot looks for them under. */
async function deviceTrees(materials: Materials): Promise<Readonly<Record<string, Content>>> {
  const { boot } = await treeOf(materials)
  const files: Record<string, Content> = {}
  for (const { node } of boot === undefined ? [] : walk(boot)) {
    if (DEVICE_TREE.test(node.name)) files[`dtb/broadcom/${node.name}`] = node.entry.content
  }
  if (Object.keys(files).length === 0) {
    for (const [path, bytes] of materials.options.bootLoaders.get('raspberry-device-trees') ?? []) {
      const name = path.slice(path.lastIndexOf('/') + 1)
      if (DEVICE_TREE.test(name)) files[`dtb/broadcom/${name}`] = bytesContent(bytes)
    }
  }
  if (Object.keys(files).length > 0) return files
  throw new LinuxkitError('build/no-device-tree', 'neither the kernel image nor Debian has a device tree for the Raspberry Pi 3', {
    hint: 'use a kernel image with boot/dtb/broadcom/bcm2837-rpi-3-b.dtb',
  })
}

const GZIP_LEVEL = 6

/** The kernel as U-Boot unpacks it. */
async function compressed(materials: Materials, kernel: Content): Promise<Content> {
  const start = await readAll(kernel.open({ start: 0, end: Math.min(2, kernel.size) }), 2)
  if (start.equals(Buffer.of(0x1f, 0x8b))) return kernel
  const { identity } = await bootOf(materials)
  const key = digestOf(JSON.stringify([PROGRAM, 'kernel.uimg', GZIP_LEVEL, process.versions.zlib, process.arch, identity]))
  return (await kept(materials, key, (writer) => writer.content(gzip(kernel.open(), GZIP_LEVEL)))).content
}
