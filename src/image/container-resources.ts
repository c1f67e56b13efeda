import { z } from 'zod'
import { integer64, listOf, text } from './container-fields.js'

const deviceRule = z.strictObject({
  allow: z.boolean().default(false),
  type: text,
  major: z.int().optional(),
  minor: z.int().optional(),
  access: text,
})

const memory = z.strictObject({
  limit: integer64.optional(),
  reservation: integer64.optional(),
  swap: integer64.optional(),
  kernel: integer64.optional(),
  kernelTCP: integer64.optional(),
  swappiness: integer64.optional(),
  disableOOMKiller: z.boolean().optional(),
})

const cpu = z.strictObject({
  shares: integer64.optional(),
  quota: integer64.optional(),
  period: integer64.optional(),
  realtimeRuntime: integer64.optional(),
  realtimePeriod: integer64.optional(),
  cpus: text,
  mems: text,
})

const weightDevice = z.strictObject({
  major: z.int().default(0),
  minor: z.int().default(0),
  weight: z.int().optional(),
  leafWeight: z.int().optional(),
})

const throttleDevice = z.strictObject({
  major: z.int().default(0),
  minor: z.int().default(0),
  rate: integer64.default(0),
})

const blockio = z.strictObject({
  weight: z.int().optional(),
  leafWeight: z.int().optional(),
  weightDevice: listOf(weightDevice),
  throttleReadBpsDevice: listOf(throttleDevice),
  throttleWriteBpsDevice: listOf(throttleDevice),
  throttleReadIOPSDevice: listOf(throttleDevice),
  throttleWriteIOPSDevice: listOf(throttleDevice),
})

const hugepageLimit = z.strictObject({
  // The OCI runtime-spec wants a size such as "2MB"; LinuxKit's schema allows only an integer here.
  pageSize: z.union([z.string(), z.int().transform(String)]),
  limit: integer64.default(0),
})

const network = z.strictObject({
  classID: z.int().optional(),
  priorities: listOf(z.strictObject({ name: z.string().default(''), priority: z.int().default(0) })),
})

/** Limits of a control group, in the order of the OCI runtime-spec (config-linux.md, "Control groups"). */
export const resources = z.strictObject({
  devices: listOf(deviceRule),
  memory: memory.optional(),
  cpu: cpu.optional(),
  pids: z.strictObject({ limit: integer64.default(0) }).optional(),
  blockio: blockio.optional(),
  hugepageLimits: listOf(hugepageLimit),
  network: network.optional(),
})

export type ContainerResources = z.infer<typeof resources>
