import { LinuxkitError } from '../../base/errors.js'

/** How the machine's one network interface is attached to the host. */
export type Networking =
  | { readonly mode: 'none' }
  | { readonly mode: 'user'; readonly publish: readonly Publish[] }
  | { readonly mode: 'tap' | 'bridge'; readonly name: string }

/** A port of the host that leads to a port of the guest. */
export interface Publish {
  readonly host: number
  readonly guest: number
  readonly protocol: 'tcp' | 'udp'
}

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65535 ? port : undefined
}

/** Reads `HOST:GUEST[/tcp|/udp]`. @throws {LinuxkitError} `run/publish` */
export function parsePublish(text: string): Publish {
  const [ports = '', protocolText = 'tcp', ...moreProtocols] = text.split('/')
  const [hostText = '', guestText = '', ...morePorts] = ports.split(':')
  const host = parsePort(hostText)
  const guest = parsePort(guestText)
  const protocol = protocolText.trim().toLowerCase()
  if (
    host === undefined ||
    guest === undefined ||
    (protocol !== 'tcp' && protocol !== 'udp') ||
    moreProtocols.length > 0 ||
    morePorts.length > 0
  ) {
    throw new LinuxkitError('run/publish', `--publish "${text}" does not name two ports`, {
      hint: 'write HOST:GUEST or HOST:GUEST/udp, with ports from 1 to 65535',
    })
  }
  return { host, guest, protocol }
}

export function formatPublish(publish: Publish): string {
  return `${publish.host}:${publish.guest}/${publish.protocol}`
}

/** Reads `--networking` together with `--publish`. @throws {LinuxkitError} `run/networking`, `run/publish` */
export function parseNetworking(text: string, publish: readonly string[]): Networking {
  const comma = text.indexOf(',')
  const mode = comma < 0 ? text : text.slice(0, comma)
  const name = comma < 0 ? '' : text.slice(comma + 1)
  const ports = publish.map(parsePublish)
  const isUser = mode === '' || mode === 'default' || mode === 'user'
  if (ports.length > 0 && !isUser) {
    throw new LinuxkitError('run/publish', `--publish works with user networking only, not with --networking ${text}`, {
      hint: 'with a tap or a bridge the guest has an address of its own: connect to that',
    })
  }
  if (isUser && comma < 0) return { mode: 'user', publish: ports }
  if (mode === 'none' && comma < 0) return { mode: 'none' }
  if ((mode === 'tap' || mode === 'bridge') && /^[^,]+$/.test(name)) return { mode, name }
  throw new LinuxkitError('run/networking', `"${text}" is not a kind of networking`, { hint: 'use user, none, bridge,NAME or tap,NAME' })
}

/** The value of QEMU's `-netdev` for the interface `t0`; undefined for a machine without network. */
export function netdev(networking: Networking): string | undefined {
  switch (networking.mode) {
    case 'none':
      return undefined
    case 'user':
      return ['user,id=t0', ...networking.publish.map((port) => `hostfwd=${port.protocol}::${port.host}-:${port.guest}`)].join(',')
    case 'tap':
      return `tap,id=t0,ifname=${networking.name},script=no,downscript=no`
    case 'bridge':
      return `bridge,id=t0,br=${networking.name}`
  }
}
