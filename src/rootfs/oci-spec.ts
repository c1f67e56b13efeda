import { goJson, type Json } from '../base/go-json.js'
import type { Place } from '../base/errors.js'
import { resolveId, type Ids } from '../config/ids.js'
import type { ContainerConfig } from '../image/container-config.js'
import { capabilitySets } from './oci-capabilities.js'
import { ociMounts } from './oci-mounts.js'
import { ociNamespaces } from './oci-namespaces.js'
import { ociDevices, ociResources } from './oci-resources.js'
import { ociRlimit } from './oci-rlimits.js'
import { runtimeSpec, type BundlePaths } from './oci-runtime.js'

/** OCI runtime-spec that the bundles follow. */
const OCI_VERSION = '1.2.1'

export interface BundleInput {
  /** With the label of its image and the volumes worked in. */
  readonly container: ContainerConfig
  readonly paths: BundlePaths
  readonly ids: Ids
  /** Where a field of the container stands, for messages. */
  readonly placeOf: (field: string) => Place | undefined
}

/** The two files that describe a container in the image: `config.json` for runc, `runtime.json` for `/init`. */
export interface Bundle {
  readonly configJson: string
  readonly runtimeJson: string
}

/** @throws {LinuxkitError} for values that no container can be started with: unknown capabilities, mounts without type, and so on */
export function containerBundle(input: BundleInput): Bundle {
  return { configJson: goJson(ociSpec(input), 4), runtimeJson: goJson(runtimeSpec(input.container, input.paths), 4) }
}

function ociSpec({ container, ids, placeOf }: BundleInput): Json {
  return {
    ociVersion: OCI_VERSION,
    process: processSpec(container, ids, placeOf),
    root: { path: 'rootfs', readonly: container.readonly === true ? true : undefined },
    hostname: container.hostname,
    mounts: ociMounts(container, placeOf),
    annotations: unlessEmpty(container.annotations),
    linux: {
      uidMappings: unlessEmpty(container.uidMappings),
      gidMappings: unlessEmpty(container.gidMappings),
      sysctl: unlessEmpty(container.sysctl),
      resources: ociResources(container),
      cgroupsPath: unlessEmpty(container.cgroupsPath),
      namespaces: ociNamespaces(container),
      devices: ociDevices(container.devices ?? [], placeOf('devices')),
      rootfsPropagation: unlessEmpty(container.rootfsPropagation),
      maskedPaths: unlessEmpty(container.maskedPaths),
      readonlyPaths: unlessEmpty(container.readonlyPaths),
    },
  }
}

function processSpec(container: ContainerConfig, ids: Ids, placeOf: (field: string) => Place | undefined): Json {
  const id = (value: string | number | undefined, field: string): number => resolveId(value, ids, field, () => placeOf(field))
  return {
    user: {
      uid: id(container.uid, 'uid'),
      gid: id(container.gid, 'gid'),
      additionalGids: unlessEmpty(container.additionalGids?.map((gid) => id(gid, 'additionalGids'))),
    },
    args: unlessEmpty(container.command),
    env: unlessEmpty(container.env),
    cwd: container.cwd ?? '/',
    capabilities: capabilitySets(container.capabilities, container.ambient, placeOf),
    rlimits: unlessEmpty(container.rlimits?.map((text) => ociRlimit(text, placeOf('rlimits')))),
    noNewPrivileges: container.noNewPrivileges === true ? true : undefined,
    oomScoreAdj: container.oomScoreAdj,
  }
}

/** Members without content are left out, as Go's `omitempty` does. */
function unlessEmpty<T extends object | string>(value: T | undefined): T | undefined {
  return value === undefined || Object.keys(value).length === 0 ? undefined : value
}
