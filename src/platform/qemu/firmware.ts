import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Arch } from '../../base/arch.js'
import { LinuxkitError } from '../../base/errors.js'
import { exists, writeAtomic } from '../../base/files.js'

/** UEFI firmware on disk: the code, and the template of its variables unless the two are one file. */
export interface FirmwareFiles {
  readonly code: string
  readonly variables?: string | undefined
}

/** What the machine's flash chips hold. */
export type Flash =
  /** The code is shared by all machines and read-only, the variables are this machine's. */
  | { readonly code: string; readonly variables: string }
  /** One writable file of this machine's own. */
  | { readonly combined: string }

/** Where Debian and Ubuntu, Fedora, Arch and openSUSE put the firmware, best first. Builds with 4 MB flash have room for Secure Boot's lists. */
const PLACES: Readonly<Record<Arch, readonly FirmwareFiles[]>> = {
  amd64: [
    { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
    { code: '/usr/share/OVMF/OVMF_CODE.fd', variables: '/usr/share/OVMF/OVMF_VARS.fd' },
    { code: '/usr/share/edk2/ovmf/OVMF_CODE.fd', variables: '/usr/share/edk2/ovmf/OVMF_VARS.fd' },
    { code: '/usr/share/edk2/x64/OVMF_CODE.4m.fd', variables: '/usr/share/edk2/x64/OVMF_VARS.4m.fd' },
    { code: '/usr/share/qemu/ovmf-x86_64-code.bin', variables: '/usr/share/qemu/ovmf-x86_64-vars.bin' },
    { code: '/usr/share/ovmf/OVMF.fd' },
    { code: '/usr/share/ovmf/bios.bin' },
  ],
  arm64: [
    { code: '/usr/share/AAVMF/AAVMF_CODE.fd', variables: '/usr/share/AAVMF/AAVMF_VARS.fd' },
    { code: '/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw', variables: '/usr/share/edk2/aarch64/vars-template-pflash.raw' },
    { code: '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd' },
  ],
  riscv64: [{ code: '/usr/share/qemu-efi-riscv64/RISCV_VIRT_CODE.fd', variables: '/usr/share/qemu-efi-riscv64/RISCV_VIRT_VARS.fd' }],
  s390x: [],
}

const DEBIAN_PACKAGE: Readonly<Partial<Record<Arch, string>>> = { amd64: 'ovmf', arm64: 'qemu-efi-aarch64', riscv64: 'qemu-efi-riscv64' }

/** QEMU's `virt` machine of arm64 takes flash images of exactly this size (hw/arm/virt.c, VIRT_FLASH: two halves of 128 MiB). */
const ARM_FLASH_SIZE = 64 << 20

/** A firmware named by the user: its variables are looked for under the name that all distributions derive from that of the code. */
async function namedFirmware(code: string): Promise<FirmwareFiles> {
  if (!(await exists(code))) throw new LinuxkitError('run/firmware', `the firmware ${code} does not exist`)
  const variables = code.replace(/CODE(?=[^/]*$)/, 'VARS').replace(/-code(?=[^/]*$)/, '-vars')
  return variables !== code && (await exists(variables)) ? { code, variables } : { code }
}

/**
 * Finds the UEFI firmware for a machine.
 * @param named the file that the user asks for
 * @throws {LinuxkitError} `run/firmware`, with the Debian package to install
 */
export async function findFirmware(
  arch: Arch,
  named: string | undefined,
  places: Readonly<Record<Arch, readonly FirmwareFiles[]>> = PLACES,
): Promise<FirmwareFiles> {
  if (named !== undefined) return namedFirmware(named)
  for (const place of places[arch]) {
    if ((await exists(place.code)) && (place.variables === undefined || (await exists(place.variables)))) return place
  }
  const debianPackage = DEBIAN_PACKAGE[arch]
  throw new LinuxkitError('run/firmware', `no UEFI firmware for ${arch} machines is installed`, {
    hint:
      debianPackage === undefined
        ? 'these machines boot without UEFI'
        : `on Debian and Ubuntu: apt-get install ${debianPackage}; or name the file with --fw`,
  })
}

/** Copies once: what the firmware wrote in an earlier run stays. */
async function keepCopy(template: string, copy: string, arch: Arch): Promise<string> {
  if (await exists(copy)) return copy
  const image = await readFile(template)
  const padding = arch === 'arm64' ? Math.max(0, ARM_FLASH_SIZE - image.length) : 0
  await writeAtomic(copy, Buffer.concat([image, Buffer.alloc(padding)]))
  return copy
}

/** Gives the machine what it may write to, so that an installed firmware is never changed by a guest. */
export async function prepareFlash(firmware: FirmwareFiles, arch: Arch, stateDirectory: string): Promise<Flash> {
  if (firmware.variables === undefined) return { combined: await keepCopy(firmware.code, join(stateDirectory, 'firmware.fd'), arch) }
  return { code: firmware.code, variables: await keepCopy(firmware.variables, join(stateDirectory, 'efi-vars.fd'), arch) }
}
