import type { Json } from '../base/go-json.js'
import { LinuxkitError, type Place } from '../base/errors.js'
import type { ContainerConfig, ContainerDevice } from '../image/container-config.js'

type JsonObject = Readonly<Record<string, Json | undefined>>

/** Nodes that the runtime makes below /dev (OCI runtime-spec, config-linux.md "Devices"). @throws {LinuxkitError} `oci/bad-device` */
export function ociDevices(devices: readonly ContainerDevice[], where?: Place): readonly JsonObject[] | undefined {
  const nodes = devices
    .filter((device) => !isRuleOnly(device))
    .map(({ path, type, major, minor, mode }) => ({ path, type, major, minor, fileMode: parseMode(path, mode, where) }))
  return nodes.length === 0 ? undefined : nodes
}

/** Control group limits (config-linux.md "Control groups"); every device of the container may be used. */
export function ociResources({ resources = {}, devices = [] }: ContainerConfig): JsonObject {
  const rules = [
    ...(resources.devices ?? []),
    ...devices.map((device) => {
      const { type, major, minor } = device
      return isRuleOnly(device) ? { allow: true, type, access: 'rwm' } : { allow: true, type, major, minor, access: 'rwm' }
    }),
  ]
  const { memory, cpu, pids, blockio, hugepageLimits, network } = resources
  return { devices: rules.length === 0 ? undefined : rules, memory, cpu, pids, blockIO: blockio, hugepageLimits, network }
}

/** `path: all` allows all devices of a type and makes no node. */
function isRuleOnly(device: ContainerDevice): boolean {
  return device.path === 'all'
}

function parseMode(path: string, mode: string | undefined, where: Place | undefined): number {
  if (mode !== undefined && /^[0-7]{1,10}$/.test(mode)) return Number.parseInt(mode, 8)
  const message = mode === undefined ? `the device ${path} has no mode` : `"${mode}" is not a mode for the device ${path}`
  throw new LinuxkitError('oci/bad-device', message, { where, hint: 'write an octal number: mode: "0660"' })
}
