import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { isSystemError } from './errors.js'

let name: string | undefined

/** What process numbers mean the same in: a machine since it was booted, or a container of it (Linux, pid_namespaces(7)). */
export function machineName(): string {
  name ??= findName()
  return name
}

function findName(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

/** Whether a process of this machine runs. */
export function isRunning(number: number): boolean {
  try {
    return process.kill(number, 0)
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    return isSystemError(error, 'EPERM')
  }
}
