import { readFile } from 'node:fs/promises'
import { hostArch, parseArch, type Arch } from '../../base/arch.js'
import { isSystemError, LinuxkitError } from '../../base/errors.js'
import { BOOT_KINDS, type BootKind } from './boot-kind.js'
import { parseDisk, type DiskSpec } from './disks.js'
import { parseNetworking, type Networking } from './networking.js'

/** A machine to run, as a user of the library asks for it. */
export interface QemuOptions {
  /** The image: a disk or ISO file, or what `build` wrote several files beside (`<path>-kernel`, ...). */
  readonly path: string
  /** How to boot it. @default found out from what the file holds, or which files there are */
  readonly kind?: BootKind | undefined
  /** @default that of the host */
  readonly arch?: Arch | undefined
  /** Number of processors. @default 1 */
  readonly cpus?: number | undefined
  /** Memory in MiB. @default 1024 */
  readonly memory?: number | undefined
  readonly disks?: readonly DiskSpec[] | undefined
  /** @default user networking without published ports */
  readonly networking?: Networking | undefined
  /** Handed to the guest on a CD. */
  readonly userData?: Uint8Array | undefined
  /** Where the machine keeps its disks, addresses and so on. @default `<path>-state` */
  readonly stateDirectory?: string | undefined
  /** Boots with UEFI firmware. @default where the architecture or the image has no other way */
  readonly uefi?: boolean | undefined
  /** The firmware file. @default looked for where distributions put it */
  readonly firmware?: string | undefined
  /** QEMU's list of accelerators, as `kvm:tcg`. @default the fastest that is proved to work */
  readonly accelerator?: string | undefined
  /** The QEMU program. @default `qemu-system-<arch>` in $PATH */
  readonly program?: string | undefined
  /** A window instead of a serial console. */
  readonly gui?: boolean | undefined
  readonly usb?: boolean | undefined
  /** Passed on as `-device`. */
  readonly devices?: readonly string[] | undefined
  /** Directories to share as `virtiofs0`, `virtiofs1`, ... */
  readonly shares?: readonly string[] | undefined
  /** The virtiofs daemon. @default looked for beside QEMU and where distributions put it */
  readonly virtiofsd?: string | undefined
}

/** The flags of `linuxkit run qemu` as they were written. */
export interface QemuFlags {
  readonly cpus: string
  readonly mem: string
  readonly networking: string
  readonly disk?: readonly string[]
  readonly publish?: readonly string[]
  readonly gui?: boolean
  readonly uefi?: boolean
  readonly iso?: boolean
  readonly squashfs?: boolean
  readonly erofs?: boolean
  readonly kernel?: boolean
  readonly detached?: boolean
  readonly usb?: boolean
  readonly device?: readonly string[]
  readonly state?: string
  readonly data?: string
  readonly dataFile?: string
  readonly fw?: string
  readonly accel?: string
  readonly arch?: string
  readonly qemu?: string
  readonly virtiofs?: readonly string[]
  readonly virtiofsd?: string
}

/** An empty value, as scripts pass it for an unset variable, counts as none. */
function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

function parseCount(flag: string, text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (count === 0) throw new LinuxkitError('run/number', `${flag} needs a whole number from 1, not "${text}"`)
  return count
}

function bootKind(flags: QemuFlags): BootKind | undefined {
  const asked = BOOT_KINDS.filter((kind) => flags[kind] === true)
  if (asked.length > 1) {
    throw new LinuxkitError('run/boot-kind', `--${asked.join(' and --')} exclude each other`, {
      hint: 'leave them away: the kind is found out',
    })
  }
  return asked[0]
}

async function userData(data: string | undefined, file: string | undefined): Promise<Uint8Array | undefined> {
  if (data !== undefined && file !== undefined) throw new LinuxkitError('run/data', '--data and --data-file exclude each other')
  if (file === undefined) return data === undefined ? undefined : Buffer.from(data, 'utf8')
  try {
    return await readFile(file)
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw new LinuxkitError('run/data', `cannot read the user data in ${file} (${error.code})`, { cause: error })
  }
}

/**
 * Checks and reads the flags; nothing is created and nothing is started.
 * @throws {LinuxkitError} about the first flag that makes no sense
 */
export async function parseQemuFlags(path: string, flags: QemuFlags): Promise<QemuOptions> {
  if (flags.detached === true) {
    throw new LinuxkitError('run/detached', 'a machine can no longer be detached', {
      hint: 'start it in the background of the shell, as a systemd unit or in tmux',
    })
  }
  return {
    path,
    kind: bootKind(flags),
    arch: parseArch(given(flags.arch) ?? hostArch()),
    cpus: parseCount('--cpus', flags.cpus),
    memory: parseCount('--mem', flags.mem),
    disks: flags.disk?.map(parseDisk),
    networking: parseNetworking(flags.networking, flags.publish ?? []),
    userData: await userData(given(flags.data), given(flags.dataFile)),
    stateDirectory: given(flags.state),
    uefi: flags.uefi,
    firmware: given(flags.fw),
    accelerator: flags.accel,
    program: given(flags.qemu),
    gui: flags.gui,
    usb: flags.usb,
    devices: flags.device,
    shares: flags.virtiofs,
    virtiofsd: given(flags.virtiofsd),
  }
}
