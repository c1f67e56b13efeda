import { boolean, optional, pipe, strictObject, string, transform, union, type InferOutput } from 'valibot'
import { int, integer64, listOf, text } from './container-fields.js'

const deviceRule = strictObject({
  allow: optional(boolean(), false),
  type: text,
  major: optional(int),
  minor: optional(int),
  access: text,
})

const memory = strictObject({
  limit: optional(integer64),
  reservation: optional(integer64),
  swap: optional(integer64),
  kernel: optional(integer64),
  kernelTCP: optional(integer64),
  swappiness: optional(integer64),
  disableOOMKiller: optional(boolean()),
})

const cpu = strictObject({
  shares: optional(integer64),
  quota: optional(integer64),
  period: optional(integer64),
  realtimeRuntime: optional(integer64),
  realtimePeriod: optional(integer64),
  cpus: text,
  mems: text,
})

const weightDevice = strictObject({
  major: optional(int, 0),
  minor: optional(int, 0),
  weight: optional(int),
  leafWeight: optional(int),
})

const throttleDevice = strictObject({
  major: optional(int, 0),
  minor: optional(int, 0),
  rate: optional(integer64, 0),
})

const blockio = strictObject({
  weight: optional(int),
  leafWeight: optional(int),
  weightDevice: listOf(weightDevice),
  throttleReadBpsDevice: listOf(throttleDevice),
  throttleWriteBpsDevice: listOf(throttleDevice),
  throttleReadIOPSDevice: listOf(throttleDevice),
  throttleWriteIOPSDevice: listOf(throttleDevice),
})

const hugepageLimit = strictObject({
  // The OCI runtime-spec wants a size such as "2MB"; LinuxKit's schema allows only an integer here.
  pageSize: union([string(), pipe(int, transform(String))]),
  limit: optional(integer64, 0),
})

const network = strictObject({
  classID: optional(int),
  priorities: listOf(strictObject({ name: optional(string(), ''), priority: optional(int, 0) })),
})

/** Limits of a control group, in the order of the OCI runtime-spec (config-linux.md, "Control groups"). */
export const resources = strictObject({
  devices: listOf(deviceRule),
  memory: optional(memory),
  cpu: optional(cpu),
  pids: optional(strictObject({ limit: optional(integer64, 0) })),
  blockio: optional(blockio),
  hugepageLimits: listOf(hugepageLimit),
  network: optional(network),
})

export type ContainerResources = InferOutput<typeof resources>
