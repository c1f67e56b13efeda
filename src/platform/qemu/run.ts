import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LinuxkitError } from '../../base/errors.js'
import { writeAtomic } from '../../base/files.js'
import { unpackDisk } from '../disk-archive.js'
import { findProgram } from '../programs.js'
import { userDataIso } from '../user-data-iso.js'
import { chooseAccelerator } from './accelerator.js'
import { QEMU_ARCH, qemuArguments } from './argv.js'
import { needsUefi } from './boot-firmware.js'
import { bootPrefix, findBoot, type Boot } from './boot-kind.js'
import { createDisk, missingDisks, resolveDisks } from './disks.js'
import type { Environment } from './environment.js'
import { findFirmware, prepareFlash } from './firmware.js'
import { machineMacAddress } from './mac-address.js'
import { describeExit, startMachine, type Machine, type MachineOptions } from './machine.js'
import type { QemuOptions } from './options.js'
import { saveTerminal } from './terminal.js'
import { checkShares, findVirtiofsd, startShare, type Share } from './virtiofs.js'

/**
 * Starts a machine: looks for all that it needs, creates what is the machine's own, starts QEMU. Nothing is created when something is missing.
 * @throws {LinuxkitError} about an image, a program or a firmware that is not there
 */
export async function startQemu(
  options: QemuOptions,
  environment: Environment,
  attach: Pick<MachineOptions, 'console' | 'onOutput' | 'onMessage'>,
): Promise<Machine> {
  const { host, progress, signal, variables } = environment
  const arch = options.arch ?? host.arch
  const memory = options.memory ?? 1024
  const shares = options.shares ?? []

  const image = await findBoot(options.path, options.kind, progress)
  const stateDirectory = options.stateDirectory ?? `${bootPrefix(options.path, image)}-state`
  const disks = resolveDisks(options.disks ?? [], stateDirectory)
  const missing = await missingDisks(disks)
  const program = await findProgram(options.program ?? `qemu-system-${QEMU_ARCH[arch]}`, variables['PATH'])
  const qemuImg = missing.length === 0 ? '' : await findProgram('qemu-img', variables['PATH'])
  const uefi = options.uefi === true || (await needsUefi(image, arch, environment))
  const firmware = uefi ? await findFirmware(arch, options.firmware) : undefined
  const virtiofsd = shares.length === 0 ? '' : await findVirtiofsd(options.virtiofsd, program, variables['PATH'])
  await checkShares(shares)
  const accelerator = await chooseAccelerator(options.accelerator, arch, program, environment)

  signal.throwIfAborted()
  await mkdir(stateDirectory, { recursive: true })
  const boot = image.kind === 'archive' ? await unpacked(image.path, stateDirectory, environment) : image
  for (const disk of missing) await createDisk(disk, qemuImg, progress, signal)
  const iso = options.userData === undefined ? undefined : join(stateDirectory, 'data.iso')
  if (iso !== undefined) await writeAtomic(iso, userDataIso(options.userData ?? new Uint8Array(), new Date()))
  const description = {
    arch,
    host,
    memory,
    accelerator,
    boot,
    disks,
    userDataIso: iso,
    cpus: options.cpus ?? 1,
    uuid: randomUUID(),
    pidFile: join(stateDirectory, 'qemu.pid'),
    flash: firmware === undefined ? undefined : await prepareFlash(firmware, arch, stateDirectory),
    networking: options.networking ?? { mode: 'user', publish: [] },
    macAddress: await machineMacAddress(stateDirectory),
    gui: options.gui ?? false,
    usb: options.usb ?? false,
    devices: options.devices ?? [],
    shareSockets: shares.map((_, index) => join(stateDirectory, `virtiofs${index}`)),
  } as const

  const companions: Share[] = []
  try {
    for (const [index, socket] of description.shareSockets.entries()) {
      companions.push(await startShare(virtiofsd, shares[index] ?? '', socket, signal))
    }
    return startMachine({ program, arguments: qemuArguments(description) }, { ...attach, signal, companions })
  } catch (error) {
    for (const companion of companions) await companion[Symbol.asyncDispose]()
    throw error
  }
}

/** A disk in an archive becomes the machine's own. */
async function unpacked(path: string, stateDirectory: string, { progress, signal }: Environment): Promise<Boot & { kind: 'disk' }> {
  const disk = join(stateDirectory, 'disk.raw')
  progress({ type: 'info', message: `unpacking the disk in ${path} to ${disk}` })
  await unpackDisk(path, disk, signal)
  return { kind: 'disk', path: disk, format: 'raw' }
}

/** When a run ends by itself. */
export interface RunLimits {
  /** The run is a success, and over, as soon as a line of the console matches. */
  readonly until?: RegExp | undefined
  /** The run is a failure, and over, after so many milliseconds. */
  readonly timeoutMs?: number | undefined
  /** Takes the console's output while it is watched. */
  readonly output: (chunk: Uint8Array) => Promise<void>
}

/**
 * Runs a machine in the foreground until it ends or a limit is reached; QEMU is gone when this returns.
 * @throws {LinuxkitError} `run/timeout`, `run/ended`, `run/qemu` when QEMU fails
 */
export async function runQemu(options: QemuOptions, limits: RunLimits, environment: Environment): Promise<void> {
  const { until, timeoutMs } = limits
  if (until !== undefined && options.gui === true) {
    throw new LinuxkitError('run/until', '--until watches the serial console, which a machine with a window (--gui) does not have')
  }
  const mode = options.gui === true ? 'none' : until === undefined ? 'terminal' : 'watched'
  const terminal = saveTerminal()
  try {
    const onMessage = (message: string) => environment.progress({ type: 'warning', message })
    await using machine = await startQemu(options, environment, { console: mode, onOutput: limits.output, onMessage })
    await endOf(machine, until, timeoutMs)
  } finally {
    terminal.restore()
    // That the machine ended is a consequence of Ctrl-C, not what the user wants to read.
    environment.signal.throwIfAborted()
  }
}

async function endOf(machine: Machine, until: RegExp | undefined, timeoutMs: number | undefined): Promise<void> {
  const deadline = new AbortController()
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => deadline.abort(), timeoutMs)
  const late = new Promise<never>((_, reject) => {
    deadline.signal.addEventListener('abort', () => reject(timeoutError(until, timeoutMs ?? 0)), { once: true })
  })
  try {
    await Promise.race([until === undefined ? success(machine) : machine.waitFor(until), late])
  } catch (error) {
    if (!(error instanceof LinuxkitError) || error.code !== 'run/ended') throw error
    throw new LinuxkitError('run/ended', `the machine ended before the console showed ${until}: ${describeExit(await machine.exited)}`)
  } finally {
    clearTimeout(timer)
  }
}

async function success(machine: Machine): Promise<void> {
  const exit = await machine.exited
  if (exit.status !== 0) throw new LinuxkitError('run/qemu', describeExit(exit))
}

function timeoutError(until: RegExp | undefined, timeoutMs: number): LinuxkitError {
  const within = `within ${timeoutMs / 1000}s`
  return new LinuxkitError(
    'run/timeout',
    until === undefined ? `the machine did not end ${within}` : `the console did not show ${until} ${within}`,
  )
}
