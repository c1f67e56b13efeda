import type { ContainerConfig } from '../image/container-config.js'

/** OCI runtime-spec, config-linux.md "Namespaces": with a path an existing one is joined, without a new one is made. */
export type OciNamespace = {
  readonly type: string
  readonly path?: string | undefined
}

/** The namespaces of a container, which shares all but pid and mount with the root unless it says otherwise. */
export function ociNamespaces(container: ContainerConfig): readonly OciNamespace[] {
  return [
    ...namespace('network', container.net ?? 'root', ['new', 'none']),
    ...namespace('ipc', container.ipc ?? 'root'),
    ...namespace('uts', container.uts ?? 'root'),
    ...namespace('pid', container.pid ?? 'new'),
    ...namespace('user', container.userns ?? 'root'),
    { type: 'mount' },
  ]
}

function namespace(type: string, value: string, anonymous: readonly string[] = ['new']): readonly OciNamespace[] {
  if (value === 'host' || value === 'root') return []
  return [anonymous.includes(value) ? { type } : { type, path: value }]
}
