import { Option, type Command } from 'commander'
import type { QemuFlags } from '../platform/qemu/options.js'
import type { CliContext } from './context.js'
import { standardOutput } from './standard-output.js'

function list(flags: string, description: string): Option {
  return new Option(flags, `${description} (repeatable)`).argParser((value: string, values: readonly string[] = []) => [...values, value])
}

/** Flags of every backend; they may stand before or after its name. */
const COMMON_FLAGS = [
  new Option('--cpus <number>', 'number of processors').default('1'),
  new Option('--mem <MiB>', 'memory').default('1024'),
  list('--disk <disk>', 'a disk to attach, created when missing: [file=]PATH,size=10G,format=qcow2'),
]

const QEMU_FLAGS = [
  new Option('--gui', 'open a window in place of the serial console'),
  new Option('--uefi', 'boot with UEFI firmware (default: where the image or the architecture needs it)'),
  new Option('--iso', 'the image is a CD'),
  new Option('--squashfs', 'the image is a kernel and a squashfs root'),
  new Option('--erofs', 'the image is a kernel and an erofs root'),
  new Option('--kernel', 'the image is a kernel and an initrd'),
  new Option('--state <directory>', 'where the machine keeps its disks and addresses (default: PATH-state)'),
  new Option('--data <string>', 'user data for the guest'),
  new Option('--data-file <file>', 'user data for the guest, from a file'),
  new Option('--fw <file>', 'UEFI firmware (default: looked for where distributions put it)'),
  new Option('--accel <list>', 'accelerators, as kvm:tcg (default: LINUXKIT_QEMU_ACCEL, else KVM where it is proved to work)'),
  new Option('--arch <architecture>', 'architecture of the machine (default: that of this host)'),
  new Option('--qemu <program>', 'QEMU program (default: qemu-system-ARCH in $PATH)'),
  new Option('--detached', 'no longer possible'),
  new Option('--networking <kind>', 'user, none, bridge,NAME or tap,NAME').default('user'),
  list('--publish <ports>', 'lead a port of this host to the guest: HOST:GUEST[/udp]'),
  new Option('--usb', 'add a USB controller'),
  list('--device <device>', 'add a device, in the words of QEMU'),
  list('--virtiofs <directory>', 'share a directory as virtiofs0, virtiofs1, ...'),
  new Option('--virtiofsd <program>', 'virtiofs daemon'),
  new Option('--until <regex>', 'stop the machine, with success, when a line of the console matches'),
  new Option('--timeout <duration>', 'stop the machine, with failure, after this time: 90s, 10m'),
]

/** Backends of LinuxKit that this version does not have. */
const OTHER_BACKENDS = [
  'aws',
  'azure',
  'equinixmetal',
  'gcp',
  'hyperkit',
  'hyperv',
  'openstack',
  'scaleway',
  'vbox',
  'vcenter',
  'virtualization',
  'vmware',
]

const DEFAULT_BACKENDS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { linux: 'qemu', darwin: 'virtualization', win32: 'hyperv' }

type Flags = QemuFlags & { readonly until?: string; readonly timeout?: string }

/** Adds `linuxkit run [BACKEND] PATH`. */
export function addRunCommand(program: Command, context: () => CliContext): void {
  const run = program.command('run').description('boot an image in a virtual machine').usage('[backend] [flags] PATH')
  for (const flag of COMMON_FLAGS) run.addOption(flag)
  const defaultBackend = DEFAULT_BACKENDS[process.platform]
  const qemu = run
    .command('qemu', { isDefault: defaultBackend === 'qemu' })
    .description('boot an image with QEMU')
    .argument('<path>', 'a disk, an ISO, an EFI program, or the prefix of what build wrote (PATH-kernel, PATH-initrd.img, ...)')
    .configureHelp({ showGlobalOptions: true })
    .action(async (path: string, _options: unknown, command: Command) => runWithQemu(path, command.optsWithGlobals<Flags>(), context()))
  for (const flag of QEMU_FLAGS) qemu.addOption(flag)
  for (const backend of OTHER_BACKENDS) {
    run
      .command(backend, { hidden: true, isDefault: defaultBackend === backend })
      .argument('[arguments...]')
      .allowUnknownOption()
      .action(async () => {
        const { LinuxkitError } = await import('../base/errors.js')
        throw new LinuxkitError('run/backend', `this version cannot run images with ${backend}`, { hint: 'use linuxkit run qemu' })
      })
  }
}

async function runWithQemu(path: string, flags: Flags, context: CliContext): Promise<void> {
  const [{ parseQemuFlags }, { runQemu }, { hostEnvironment }, { parseUntil, parseDuration }] = await Promise.all([
    import('../platform/qemu/options.js'),
    import('../platform/qemu/run.js'),
    import('../platform/qemu/environment.js'),
    import('../platform/limits.js'),
  ])
  const limits = {
    until: flags.until === undefined ? undefined : parseUntil(flags.until),
    timeoutMs: flags.timeout === undefined ? undefined : parseDuration(flags.timeout),
    output: writeToStdout,
  }
  const options = await parseQemuFlags(path, flags)
  await runQemu(options, limits, hostEnvironment(context.cacheDirectory, context.signal, context.progress))
}

/** Resolves when the chunk has been taken. */
async function writeToStdout(chunk: Uint8Array): Promise<void> {
  const { LinuxkitError } = await import('../base/errors.js')
  await new Promise<void>((resolve, reject) => {
    standardOutput().write(chunk, (error) => {
      if (error) reject(new LinuxkitError('run/output', 'nobody reads the console any more', { cause: error }))
      else resolve()
    })
  })
}
