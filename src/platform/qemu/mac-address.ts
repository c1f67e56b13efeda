import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError, LinuxkitError } from '../../base/errors.js'
import { writeAtomic } from '../../base/files.js'

const MAC_ADDRESS = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i

/** A random address that no manufacturer has given out: unicast, locally administered (IEEE 802, 8.2). */
function randomMacAddress(): string {
  const bytes = randomBytes(6)
  bytes[0] = ((bytes[0] ?? 0) & ~1) | 2
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/**
 * The machine's address: that of its earlier runs, so that DHCP servers know it again, else a new one, which is kept in `mac-addr`.
 * @throws {LinuxkitError} `run/mac-address` when the file holds something else
 */
export async function machineMacAddress(stateDirectory: string): Promise<string> {
  const path = join(stateDirectory, 'mac-addr')
  const kept = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  })
  if (kept === undefined) {
    const address = randomMacAddress()
    await writeAtomic(path, address, { mode: 0o640 })
    return address
  }
  const address = kept.trim()
  if (MAC_ADDRESS.test(address)) return address
  throw new LinuxkitError('run/mac-address', `${path} does not hold a MAC address`, { hint: 'remove the file to have a new address made' })
}
