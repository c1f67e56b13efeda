import type { Arch } from '../../base/arch.js'
import type { Boot } from './boot-kind.js'
import type { Disk } from './disks.js'
import type { Flash } from './firmware.js'
import { netdev, type Networking } from './networking.js'

/** Everything that the command line of QEMU depends on; all files exist by now. */
export interface MachineDescription {
  readonly arch: Arch
  readonly host: { readonly arch: Arch; readonly platform: NodeJS.Platform }
  readonly cpus: number
  /** MiB */
  readonly memory: number
  readonly uuid: string
  readonly pidFile: string
  /** Empty for emulation. */
  readonly accelerator: string
  /** An archive has been unpacked by now. */
  readonly boot: Exclude<Boot, { kind: 'archive' }>
  readonly disks: readonly Disk[]
  readonly userDataIso?: string | undefined
  readonly flash?: Flash | undefined
  readonly networking: Networking
  readonly macAddress: string
  readonly gui: boolean
  readonly usb: boolean
  readonly devices: readonly string[]
  /** Sockets of the daemons that share directories. */
  readonly shareSockets: readonly string[]
}

/** QEMU's names of the architectures: `qemu-system-<name>`. */
export const QEMU_ARCH: Readonly<Record<Arch, string>> = { amd64: 'x86_64', arm64: 'aarch64', riscv64: 'riscv64', s390x: 's390x' }

const MACHINE: Readonly<Record<Arch, string>> = { amd64: 'q35', arm64: 'virt', riscv64: 'virt', s390x: 's390-ccw-virtio' }

/** The name suffix of virtio devices: channel I/O on s390x, PCI elsewhere. */
function bus(arch: Arch): string {
  return arch === 's390x' ? 'ccw' : 'pci'
}

/** A comma in the value of an option is written twice (qemu(1), "-drive file="). */
function escape(path: string): string {
  return path.replaceAll(',', ',,')
}

/** A hypervisor runs the guest on the host's processor, an emulator does not. */
function hasHypervisor(machine: MachineDescription): boolean {
  return /\b(kvm|hvf|whpx)\b/.test(machine.accelerator)
}

function isNativeArm(machine: MachineDescription): boolean {
  return machine.arch === 'arm64' && machine.host.arch === 'arm64' && hasHypervisor(machine)
}

function size(machine: MachineDescription): string[] {
  return ['-smp', String(machine.cpus), '-m', String(machine.memory), '-uuid', machine.uuid, '-pidfile', machine.pidFile]
}

/**
 * The emulator of QEMU 7.2 gives CMPXCHG16B wrong flags when a timer interrupt comes right behind it. Linux's slab allocator uses the
 * instruction where there is one, and every sixth boot crashes; without it the default processor, qemu64, is sound.
 */
function processor(machine: MachineDescription): string[] {
  if (machine.arch === 'arm64') return ['-cpu', isNativeArm(machine) ? 'host' : 'cortex-a57']
  return machine.arch === 'amd64' && !hasHypervisor(machine) ? ['-cpu', 'qemu64,cx16=off'] : []
}

function machineType(machine: MachineDescription): string[] {
  const type = MACHINE[machine.arch]
  if (machine.accelerator === '') return ['-machine', type]
  const isLinux = machine.host.platform === 'linux'
  const arm = machine.arch !== 'arm64' ? '' : !isLinux ? ',highmem=off' : isNativeArm(machine) ? ',gic_version=host' : ''
  return ['-machine', `${type}${arm},accel=${machine.accelerator}`]
}

function randomness(machine: MachineDescription): string[] {
  if (machine.host.platform === 'darwin') return []
  const source = machine.host.platform === 'linux' ? ',filename=/dev/urandom' : ''
  return ['-object', `rng-random,id=rng0${source}`, '-device', `virtio-rng-${bus(machine.arch)},rng=rng0`]
}

/** `-cdrom` is drive 2, so no disk may have that index when there is a CD (qemu(1), "-cdrom"). */
const CDROM_INDEX = 2

/** What {@link bootDrive} is for Linux. */
const ROOT = 'root=/dev/vda'

/**
 * The disk that the machine boots from is a virtio device, so that it has one name on every architecture and takes none of the names of the other disks. These
 * are where LinuxKit's users expect them: /dev/sda and so on on amd64, whatever the machine boots from.
 */
function bootDrive({ arch, boot }: MachineDescription): string[] {
  const drive = (path: string, format: string, place: string) => {
    const file = `file=${escape(path)}${format},if=none,id=boot`
    return ['-drive', file, '-device', `virtio-blk-${bus(arch)},drive=boot${place}`]
  }
  switch (boot.kind) {
    case 'disk':
      return drive(boot.path, boot.format === undefined ? '' : `,format=${boot.format}`, ',bootindex=0')
    case 'root':
      // It is never written to, so that several machines can share it. That the kernel comes first is QEMU's own doing.
      return drive(boot.root, ',format=raw,readonly=on', '')
    default:
      return []
  }
}

function drives(machine: MachineDescription): string[] {
  const { boot, disks: paths } = machine
  const cds = [...(boot.kind === 'iso' ? [boot.path] : []), ...(machine.userDataIso === undefined ? [] : [machine.userDataIso])]
  const skipCdrom = cds.length > 0
  const indexOf = (position: number) => (skipCdrom && position >= CDROM_INDEX ? position + 1 : position)
  const disks = paths.flatMap((disk, position) => {
    const format = disk.format === undefined ? '' : `,format=${disk.format}`
    return ['-drive', `file=${escape(disk.path)}${format},index=${indexOf(position)},media=disk`]
  })
  const nextIndex = Math.max(paths.length === 0 ? 0 : indexOf(paths.length - 1), CDROM_INDEX)
  return [
    ...bootDrive(machine),
    ...disks,
    ...(boot.kind === 'iso' ? ['-boot', 'd'] : []),
    ...(machine.arch === 'amd64' ? ideCds(cds, nextIndex) : scsiCds(machine.arch, cds, boot.kind === 'iso')),
  ]
}

function ideCds(cds: readonly string[], lastIndex: number): string[] {
  return cds.flatMap((path, position) =>
    position === 0 ? ['-cdrom', path] : ['-drive', `file=${escape(path)},index=${lastIndex + position},media=cdrom`],
  )
}

/** The machines without IDE get their CDs through SCSI, or the guest would see plain disks in place of /dev/sr0. */
function scsiCds(arch: Arch, cds: readonly string[], bootFirst: boolean): string[] {
  if (cds.length === 0) return []
  const drives = cds.flatMap((path, position) => {
    const id = `cd${position + 1}`
    const order = bootFirst ? `,bootindex=${position}` : ''
    return ['-device', `scsi-cd,drive=${id}${order}`, '-drive', `file=${escape(path)},format=raw,if=none,id=${id}`]
  })
  return ['-device', `virtio-scsi-${bus(arch)}`, ...drives]
}

function firmware(flash: Flash | undefined): string[] {
  if (flash === undefined) return []
  if ('combined' in flash) return ['-drive', `if=pflash,format=raw,file=${escape(flash.combined)}`]
  return [
    '-drive',
    `if=pflash,format=raw,unit=0,readonly=on,file=${escape(flash.code)}`,
    '-drive',
    `if=pflash,format=raw,unit=1,file=${escape(flash.variables)}`,
  ]
}

function kernel(machine: MachineDescription): string[] {
  const { boot } = machine
  switch (boot.kind) {
    case 'kernel': {
      const append = boot.cmdline === undefined ? [] : ['-append', boot.cmdline + untestedTimer(machine)]
      return ['-kernel', boot.kernel, '-initrd', boot.initrd, ...append]
    }
    case 'root': {
      const root = boot.cmdline === undefined ? ROOT : `${boot.cmdline} ${ROOT}`
      const initrd = boot.initrd === undefined ? [] : ['-initrd', boot.initrd]
      return ['-kernel', boot.kernel, ...initrd, '-append', root + untestedTimer(machine)]
    }
    case 'program':
      // UEFI firmware starts what QEMU loads, which need not be a kernel of Linux.
      return ['-kernel', boot.path]
    case 'iso':
    case 'disk':
      return []
  }
}

/**
 * Linux looks whether the timer ticks ten times within the time of ten ticks, and panics when it does not (arch/x86/kernel/apic/io_apic.c, timer_irq_works). An emulated PC on a busy
 * host may not get as far; hypervisors tell Linux to leave the look out.
 */
function untestedTimer(machine: MachineDescription): string {
  return machine.arch === 'amd64' && !hasHypervisor(machine) ? ' no_timer_check' : ''
}

function network(machine: MachineDescription): string[] {
  const backend = netdev(machine.networking)
  if (backend === undefined) return ['-net', 'none']
  return ['-device', `virtio-net-${bus(machine.arch)},netdev=t0,mac=${machine.macAddress}`, '-netdev', backend]
}

/** Shared memory, through which the daemons reach the guest's buffers, and a device each (QEMU docs, "vhost-user-fs"). */
function shares({ arch, memory, shareSockets }: MachineDescription): string[] {
  if (shareSockets.length === 0) return []
  const devices = shareSockets.flatMap((socket, index) => [
    '-chardev',
    `socket,id=char${index},path=${escape(socket)}`,
    '-device',
    `vhost-user-fs-${bus(arch)},chardev=char${index},tag=virtiofs${index}`,
  ])
  return ['-object', `memory-backend-memfd,id=mem,size=${memory}M,share=on`, '-numa', 'node,memdev=mem', ...devices]
}

/** The command line of QEMU, without the program; depends on nothing but the description. */
export function qemuArguments(machine: MachineDescription): string[] {
  return [
    ...size(machine),
    ...processor(machine),
    ...machineType(machine),
    ...randomness(machine),
    ...drives(machine),
    ...firmware(machine.flash),
    ...kernel(machine),
    ...network(machine),
    ...(machine.gui ? [] : ['-nographic']),
    ...(machine.usb ? ['-usb'] : []),
    ...machine.devices.flatMap((device) => ['-device', device]),
    ...shares(machine),
  ]
}
