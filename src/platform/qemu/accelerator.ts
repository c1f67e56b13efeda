import { dirname, join } from 'node:path'
import type { Arch } from '../../base/arch.js'
import { probeKvm } from './kvm-probe.js'
import type { Environment } from './environment.js'

/**
 * Chooses QEMU's accelerators: what the user asks for, else LINUXKIT_QEMU_ACCEL, else the host's hypervisor when it is proved to work.
 * @param asked the value of `--accel`
 * @param program the QEMU program for `arch`
 * @returns a list as `kvm:tcg`; empty for emulation
 */
export async function chooseAccelerator(asked: string | undefined, arch: Arch, program: string, environment: Environment): Promise<string> {
  const { host, variables, progress, signal } = environment
  const wanted = asked ?? variables['LINUXKIT_QEMU_ACCEL']
  if (wanted !== undefined) return wanted
  const emulated = (reason: string) => {
    progress({ type: 'info', message: `the machine is emulated, which is slow: ${reason}` })
    return ''
  }
  if (arch !== host.arch) return emulated(`it is ${arch}, this host is ${host.arch}`)
  if (host.platform === 'darwin') return 'hvf:tcg'
  if (host.platform !== 'linux') return ''
  const memoryPath = join(dirname(environment.cacheDirectory), 'kvm-probe.json')
  const kvm = await probeKvm({ arch, program, memoryPath, signal })
  if (!kvm.works) return emulated(`KVM does not work: ${kvm.reason}`)
  return host.arch === 's390x' ? 'kvm' : 'kvm:tcg'
}
