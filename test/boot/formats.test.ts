import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openWorkshop, type Workshop } from './support.js'

const run = promisify(execFile)

/** The cores of a small machine: an emulated one takes a core. */
vi.setConfig({ maxConcurrency: 2 })

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
  /** A CD is written to a disk. */
  readonly asDisk?: boolean
}

/**
 * What there is to build, by base name: formats whose files have the same name are made apart. The initrds have no modules, which nothing here needs, so
 * that firmware has little to read; where the root is on the medium, an initramfs has those of disks and file systems.
 */
const BUILDS = [
  {
    name: 'memory',
    yml: 'memory',
    formats: 'kernel+initrd iso iso-efi-initrd raw raw-bios raw-efi qcow2-bios qcow2-efi vhd vmdk gcp aws uki',
  },
  { name: 'growing', yml: 'memory', formats: 'dynamic-vhd' },
  { name: 'medium', yml: 'medium', formats: 'iso-bios iso-efi kernel+squashfs kernel+erofs' },
  { name: 'beside', yml: 'medium', formats: 'kernel+iso' },
] as const

const MEDIA: readonly Medium[] = [
  { format: 'kernel+initrd', path: 'memory', firmware: ['none'], root: 'tmpfs' },
  { format: 'iso', path: 'memory.iso', firmware: ['BIOS', 'UEFI'], root: 'tmpfs' },
  { format: 'iso', path: 'memory.iso', firmware: ['BIOS', 'UEFI'], root: 'tmpfs', asDisk: true },
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
  { format: 'iso-bios', path: 'medium.iso', firmware: ['BIOS'], root: 'iso9660', asDisk: true },
  { format: 'iso-efi', path: 'medium-efi.iso', firmware: ['UEFI'], root: 'iso9660' },
  { format: 'iso-efi', path: 'medium-efi.iso', firmware: ['UEFI'], root: 'iso9660', asDisk: true },
  { format: 'kernel+squashfs', path: 'medium', firmware: ['none'], root: 'squashfs', flags: ['--squashfs'] },
  { format: 'kernel+erofs', path: 'medium', firmware: ['none'], root: 'erofs', flags: ['--erofs'] },
  { format: 'kernel+iso', path: 'beside', firmware: ['none'], root: 'iso9660' },
]

function yml(packages: string, tar: string): string {
  return `kernel:
  image: "@pkg:${packages}/kernel"
  cmdline: "console=ttyAMA0 console=ttyS0"
  tar: ${tar}
init: ["@pkg:${packages}/init", "@pkg:${packages}/runc"]
onboot:
  - name: marker
    image: "@pkg:${packages}/busybox"
    pid: host
    readonly: true
    command: ["/bin/sh", "-c", "echo booted with its root on $(awk '$2 == \\"/\\" { print $3 }' /proc/1/mounts)"]
`
}

async function build(workshop: Workshop, arch: string, wanted: ReadonlySet<string>): Promise<void> {
  const packages = relative(workshop.directory, 'pkg')
  await writeFile(join(workshop.directory, 'memory.yml'), yml(packages, 'none'))
  await writeFile(join(workshop.directory, 'medium.yml'), yml(packages, 'kernel.tar'))
  for (const { name, yml, formats } of BUILDS) {
    const chosen = formats.split(' ').filter((format) => wanted.has(format))
    if (chosen.length === 0) continue
    await workshop.build('--arch', arch, '--name', name, '--format', chosen.join(','), join(workshop.directory, `${yml}.yml`))
  }
}

const results: string[] = []
afterAll(() => console.log(['format            medium  firmware  arch   seconds', ...results.toSorted()].join('\n')))

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

  async function boot({ format, path, root, asDisk = false, flags = [] }: Medium, firmware: Firmware): Promise<void> {
    const file = join(workshop.directory, path)
    // In a disk's own format a CD is not recognised as one.
    const image = asDisk ? `${file}.qcow2` : file
    if (asDisk) await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', file, image])
    const uefi = firmware === 'UEFI' && (format === 'iso' || !format.includes('efi')) ? ['--uefi'] : []
    const until = ['--until', `booted with its root on ${root}`, '--timeout', '5m']
    const state = ['--state', `${file}-${format}-${firmware}-state`]
    const start = Date.now()
    await workshop.run('qemu', '--arch', arch, '--mem', '512', ...state, ...until, ...flags, ...uefi, image)
    const columns = [format.padEnd(17), (asDisk ? 'disk' : '').padEnd(7), firmware.padEnd(9), arch.padEnd(6)]
    results.push(`${columns.join(' ')} ${((Date.now() - start) / 1000).toFixed(1)}`)
  }

  it.concurrent.for(media)('$format boots by $firmware', async (medium) => {
    for (const firmware of medium.firmware) await expect(boot(medium, firmware)).resolves.toBeUndefined()
  })
})
