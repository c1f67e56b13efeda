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

/**
 * When a process of this machine began, in a form to be compared, for numbers are given again; empty where that cannot be told.
 * Linux, proc_pid_stat(5): fields 3 (state) and 22 (start time). A zombie is none that runs.
 */
export function startOf(number: number): string {
  let text: string
  try {
    text = readFileSync(`/proc/${number}/stat`, 'utf8')
  } catch {
    return ''
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? 'zombie' : (fields[19] ?? '')
}
