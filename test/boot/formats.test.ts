import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { MARKER, markerImage, openWorkshop, type Workshop } from './support.js'

const run = promisify(execFile)

/** The cores of a small machine: an emulated one takes a core. */
vi.setConfig({ maxConcurrency: 2 })

/** The serial consoles of a PC and of an arm64 virtual machine; each finds its own. An emulated PC on a busy host may not let the timer tick in time. */
const CONSOLES = 'console=ttyAMA0 console=ttyS0 no_timer_check'

type Firmware = 'BIOS' | 'UEFI' | 'none'

/** One medium, and all the firmware that has to boot it. */
interface Medium {
  readonly format: string
  /** Of the file, or of the prefix that `linuxkit run` takes. */
  readonly path: string
  readonly firmware: readonly Firmware[]
  /** The file system that the machine has its root on in the end. */
  readonly root: string
  readonly flags?: readonly string[]
  /** What is unusual: a CD whose bytes are on a disk, an initrd that holds its root packed. */
  readonly as?: 'disk' | 'squashfs' | 'erofs'
}

/**
 * What there is to build, by base name: formats whose files have the same name are made apart. The initrds have no modules, which nothing here needs, so
 * that firmware has little to read; where the root is on the medium, an initramfs has those of disks and file systems.
 */
const BUILDS: readonly { readonly name: string; readonly yml: 'memory' | 'medium'; readonly formats: string; readonly root?: string }[] = [
  {
    name: 'memory',
    yml: 'memory',
    formats: 'kernel+initrd iso iso-efi-initrd raw raw-bios raw-efi qcow2-bios qcow2-efi vhd vmdk gcp aws uki',
  },
  { name: 'growing', yml: 'memory', formats: 'dynamic-vhd' },
  { name: 'medium', yml: 'medium', formats: 'iso-bios iso-efi kernel+squashfs kernel+erofs' },
  { name: 'beside', yml: 'medium', formats: 'kernel+iso' },
  { name: 'packed-squashfs', yml: 'medium', formats: 'kernel+initrd', root: 'squashfs' },
  { name: 'packed-erofs', yml: 'medium', formats: 'kernel+initrd', root: 'erofs' },
]

const MEDIA: readonly Medium[] = [
  { format: 'kernel+initrd', path: 'memory', firmware: ['none'], root: 'tmpfs' },
  { format: 'kernel+initrd', path: 'packed-squashfs', firmware: ['none'], root: 'squashfs', as: 'squashfs' },
  { format: 'kernel+initrd', path: 'packed-erofs', firmware: ['none'], root: 'erofs', as: 'erofs' },
  { format: 'iso', path: 'memory.iso', firmware: ['BIOS', 'UEFI'], root: 'tmpfs' },
  { format: 'iso', path: 'memory.iso', firmware: ['BIOS', 'UEFI'], root: 'tmpfs', as: 'disk' },
  { format: 'iso-efi-initrd', path: 'memory-efi-initrd.iso', firmware: ['UEFI'], root: 'tmpfs' },
  { format: 'raw', path: 'memory.img', firmware: ['BIOS', 'UEFI'], root: 'tmpfs' },
  { format: 'raw-bios', path: 'memory-bios.img', firmware: ['BIOS'], root: 'tmpfs' },
  { format: 'raw-efi', path: 'memory-efi.img', firmware: ['UEFI'], root: 'tmpfs' },
  { format: 'qcow2-bios', path: 'memory.qcow2', firmware: ['BIOS'], root: 'tmpfs' },
  { format: 'qcow2-efi', path: 'memory-efi.qcow2', firmware: ['UEFI'], root: 'tmpfs' },
  { format: 'vhd', path: 'memory.vhd', firmware: ['BIOS'], root: 'tmpfs' },
  { format: 'dynamic-vhd', path: 'growing.vhd', firmware: ['BIOS'], root: 'tmpfs' },
  { format: 'vmdk', path: 'memory.vmdk', firmware: ['BIOS'], root: 'tmpfs' },
  { format: 'gcp', path: 'memory.img.tar.gz', firmware: ['BIOS', 'UEFI'], root: 'tmpfs' },
  { format: 'aws', path: 'memory.raw', firmware: ['BIOS', 'UEFI'], root: 'tmpfs' },
  { format: 'uki', path: 'memory.efi', firmware: ['UEFI'], root: 'tmpfs' },
  { format: 'iso-bios', path: 'medium.iso', firmware: ['BIOS'], root: 'iso9660' },
  { format: 'iso-bios', path: 'medium.iso', firmware: ['BIOS'], root: 'iso9660', as: 'disk' },
  { format: 'iso-efi', path: 'medium-efi.iso', firmware: ['UEFI'], root: 'iso9660' },
  { format: 'iso-efi', path: 'medium-efi.iso', firmware: ['UEFI'], root: 'iso9660', as: 'disk' },
  { format: 'kernel+squashfs', path: 'medium', firmware: ['none'], root: 'squashfs', flags: ['--squashfs'] },
  { format: 'kernel+erofs', path: 'medium', firmware: ['none'], root: 'erofs', flags: ['--erofs'] },
  { format: 'kernel+iso', path: 'beside', firmware: ['none'], root: 'iso9660' },
]

async function build(workshop: Workshop, arch: string, wanted: ReadonlySet<string>): Promise<void> {
  const packages = relative(workshop.directory, 'pkg')
  await writeFile(join(workshop.directory, 'memory.yml'), markerImage(packages, 'none', CONSOLES))
  await writeFile(join(workshop.directory, 'medium.yml'), markerImage(packages, 'kernel.tar', CONSOLES))
  for (const { name, yml, formats, root } of BUILDS) {
    const chosen = formats.split(' ').filter((format) => wanted.has(format))
    if (chosen.length === 0) continue
    const options = root === undefined ? [] : ['--root', root]
    await workshop.build('--arch', arch, '--name', name, '--format', chosen.join(','), ...options, join(workshop.directory, `${yml}.yml`))
  }
}

const results: string[] = []
afterAll(() => console.log(['format            as        firmware  arch   seconds', ...results.toSorted()].join('\n')))

describe.each([
  { arch: 'amd64', media: MEDIA },
  {
    arch: 'arm64',
    media: MEDIA.map((medium) => ({ ...medium, firmware: medium.firmware.filter((one) => one !== 'BIOS') })).filter(
      ({ firmware }) => firmware.length > 0,
    ),
  },
])('on $arch', ({ arch, media }) => {
  let workshop: Workshop
  beforeAll(async () => {
    workshop = await openWorkshop()
    await build(workshop, arch, new Set(media.map(({ format }) => format)))
  })
  afterAll(() => workshop[Symbol.asyncDispose]())

  async function boot({ format, path, root, as, firmware: all, flags = [] }: Medium, firmware: Firmware): Promise<void> {
    const file = join(workshop.directory, path)
    // In a disk's own format a CD is not recognised as one.
    const image = as === 'disk' ? `${file}.qcow2` : file
    if (as === 'disk') await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', file, image])
    // Where there is no choice, the firmware is found out.
    const chosen = firmware === 'UEFI' && all.includes('BIOS') ? ['--uefi'] : []
    const state = ['--state', `${image}-${format}-${firmware}-state`]
    const until = ['--until', `${MARKER} ${root}`, '--timeout', '5m']
    const start = Date.now()
    await workshop.run('qemu', '--arch', arch, '--mem', '512', ...state, ...until, ...flags, ...chosen, image)
    const columns = [format.padEnd(17), (as ?? '').padEnd(9), firmware.padEnd(9), arch.padEnd(6)]
    results.push(`${columns.join(' ')} ${((Date.now() - start) / 1000).toFixed(1)}`)
  }

  const cases = media.map((medium) => ({
    medium,
    title: [
      medium.format,
      ...(medium.as === undefined ? [] : [`as ${medium.as}`]),
      ...medium.firmware.filter((one) => one !== 'none'),
    ].join(', '),
  }))
  it.concurrent.for(cases)('boots $title', async ({ medium }) => {
    for (const firmware of medium.firmware) await expect(boot(medium, firmware)).resolves.toBeUndefined()
  })
})
