import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { LinuxkitError } from '../base/errors.js'

/** Debian packages that hold the programs, for hints. */
const DEBIAN_PACKAGES: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-system-aarch64': 'qemu-system-arm',
  'qemu-system-riscv64': 'qemu-system-misc',
  'qemu-system-s390x': 'qemu-system-misc',
  'qemu-img': 'qemu-utils',
  virtiofsd: 'virtiofsd',
}

async function isExecutable(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined)
  if (status === undefined || !status.isFile()) return false
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

/**
 * Finds a program as a shell does: a name with a slash is a path, any other is looked for in the directories of `searchPath` ($PATH);
 * the working directory is never one of them by way of an empty part.
 * @returns the absolute path
 * @throws {LinuxkitError} `program/missing`, with the Debian package to install
 */
export async function findProgram(name: string, searchPath: string | undefined): Promise<string> {
  const directories = (searchPath ?? '').split(delimiter).filter((directory) => directory !== '')
  const candidates = name.includes('/') ? [name] : directories.map((directory) => join(directory, name))
  for (const candidate of candidates) if (await isExecutable(candidate)) return resolve(candidate)
  const debianPackage = DEBIAN_PACKAGES[name]
  throw new LinuxkitError(
    'program/missing',
    name.includes('/') ? `${name} is not an executable file` : `${name} is not installed, or not in $PATH`,
    {
      hint: debianPackage === undefined ? undefined : `on Debian and Ubuntu: apt-get install ${debianPackage}`,
    },
  )
}
