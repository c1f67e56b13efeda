import { LinuxkitError, type Place } from '../base/errors.js'
import { nearest } from '../base/nearest.js'

/** Linux 6.x, include/uapi/linux/capability.h, in numeric order from 0. */
const CAPABILITIES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW ' +
  'IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD ' +
  'LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`)

/** The five sets of a process (OCI runtime-spec, config.md "Linux Process"). Empty sets are undefined. */
export type CapabilitySets = {
  readonly bounding: readonly string[] | undefined
  readonly effective: readonly string[] | undefined
  readonly inheritable: readonly string[] | undefined
  readonly permitted: readonly string[] | undefined
  readonly ambient: readonly string[] | undefined
}

/** @throws {LinuxkitError} `oci/unknown-capability` */
export function capabilitySets(
  capabilities: readonly string[] = [],
  ambient: readonly string[] = [],
  placeOf: (field: string) => Place | undefined = () => undefined,
): CapabilitySets {
  const effective = expand(capabilities, 'capabilities', placeOf)
  const ambientSet = expand(ambient, 'ambient', placeOf)
  const union = unlessEmpty([...new Set([...effective, ...ambientSet])].sort())
  return { bounding: union, effective: unlessEmpty(effective), inheritable: union, permitted: union, ambient: unlessEmpty(ambientSet) }
}

/** `all` and `none` stand for lists, when they stand alone. */
function expand(names: readonly string[], field: string, placeOf: (field: string) => Place | undefined): readonly string[] {
  const only = names.length === 1 ? names[0]?.toLowerCase() : undefined
  if (only === 'all') return CAPABILITIES
  if (only === 'none') return []
  for (const name of names) {
    if (CAPABILITIES.includes(name)) continue
    const similar = nearest(name, CAPABILITIES) ?? nearest(`CAP_${name}`, CAPABILITIES)
    const alone = ['all', 'none'].includes(name.toLowerCase()) ? `"${name}" must be the only one in the list` : undefined
    throw new LinuxkitError('oci/unknown-capability', `${field}: "${name}" is not a capability`, {
      where: placeOf(field),
      hint: alone ?? (similar === undefined ? 'see capabilities(7)' : `did you mean "${similar}"?`),
    })
  }
  return names
}

function unlessEmpty(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : names
}
