import { LinuxkitError } from './errors.js'

/**
 * Size of a disk as `--size` gives it, in MiB: `512M`, `2G`, or a plain number, which means GiB as in LinuxKit.
 * @throws {LinuxkitError} `cli/size`
 */
export function parseDiskSize(text: string): number {
  const [, digits, unit] = /^(\d+)([MG]?)$/.exec(text) ?? []
  if (text === '') return 0
  if (digits === undefined) {
    throw new LinuxkitError('cli/size', `"${text}" is not the size of a disk`, { hint: 'write it like --size 512M or --size 2G' })
  }
  return Number(digits) * (unit === 'M' ? 1 : 1024)
}
