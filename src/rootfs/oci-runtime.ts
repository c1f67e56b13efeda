import type { Json } from '../base/go-json.js'
import type { ContainerConfig } from '../image/container-config.js'

/** The directory of a container inside the image, and how its root file system comes about there. */
export interface BundlePaths {
  /** `/containers/services/name`. */
  readonly bundle: string
  /** Where the files of the image are: `lower` or `rootfs` of this or of another container. */
  readonly image: string
}

/** What the guest's `/init` does before it starts the container, with the mounts that make its root file system first. */
export function runtimeSpec({ runtime = {}, readonly }: ContainerConfig, paths: BundlePaths): Json {
  const { cgroup = '', ipc = '', mnt = '', net = '', pid = '', user = '', uts = '' } = runtime.bindNS ?? {}
  return {
    cgroups: runtime.cgroups ?? [],
    mounts: [
      ...(readonly === true ? readonlyRoot(paths) : writableRoot(paths)),
      ...(runtime.mounts ?? []).map(({ destination, type, source, options }) => ({ destination, type, source, options })),
    ],
    mkdir: runtime.mkdir ?? [],
    interfaces: runtime.interfaces ?? [],
    bindNS: { cgroup, ipc, mnt, net, pid, user, uts },
    namespace: runtime.namespace ?? '',
  }
}

function readonlyRoot({ bundle, image }: BundlePaths): readonly Json[] {
  return [{ destination: `${bundle}/rootfs`, source: image, options: ['bind'] }]
}

/** An overlay whose upper directory is in memory; the tmpfs is made private so that containers do not see each other's. */
function writableRoot({ bundle, image }: BundlePaths): readonly Json[] {
  const tmp = `${bundle}/tmp`
  return [
    { destination: tmp, type: 'tmpfs', source: 'tmpfs' },
    { destination: tmp, options: ['remount', 'private'] },
    {
      destination: `${bundle}/rootfs`,
      type: 'overlay',
      source: 'overlay',
      options: [`lowerdir=${image}`, `upperdir=${tmp}/upper`, `workdir=${tmp}/work`],
    },
  ]
}
