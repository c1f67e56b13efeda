import { BlockList, isIP } from 'node:net'
import { LinuxkitError } from '../../base/errors.js'

/**
 * The proxy that the environment names for a URL: `HTTP_PROXY` or `HTTPS_PROXY` unless `NO_PROXY` lists the host, in upper or lower case.
 * This machine itself is never asked for through a proxy.
 * @throws {LinuxkitError} `registry/proxy` when the variable holds no URL
 */
export function proxyFor({ protocol, hostname, port }: URL, environment: NodeJS.ProcessEnv): URL | undefined {
  const name = protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const text = variable(environment, name)
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (text === '' || isThisMachine(host)) return undefined
  const excepted = variable(environment, 'NO_PROXY').split(/[\s,]+/)
  if (excepted.some((pattern) => excepts(pattern.toLowerCase(), host, port || (protocol === 'https:' ? '443' : '80')))) return undefined
  const url = text.includes('://') ? text : `http://${text}`
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return new URL(url)
  // The value is not shown: it may hold a password.
  throw new LinuxkitError('registry/proxy', `the variable ${name} does not hold the URL of an HTTP proxy`, {
    hint: 'write it like http://proxy.example:3128',
  })
}

/** What a proxy wants to see of a user who stands in its URL; registries never see it. */
export function proxyAuthorization({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '') return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(pair, 'utf8').toString('base64')}` }
}

function variable(environment: NodeJS.ProcessEnv, name: string): string {
  return environment[name] || environment[name.toLowerCase()] || ''
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d+){3}$/.test(host)
}

/** One member of NO_PROXY: `*`, a name that stands for its subdomains too, an address, or a range of addresses; name and address with or without a port. */
function excepts(pattern: string, host: string, port: string): boolean {
  if (pattern === '') return false
  if (pattern === '*' || pattern === host) return true
  const [network = '', prefix] = pattern.split('/')
  if (prefix !== undefined) return isIP(host) === isIP(network) && isIP(host) !== 0 && isWithin(host, network, Number(prefix))
  const [, name = '', onlyPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(pattern) ?? []
  if (onlyPort !== undefined && onlyPort !== port) return false
  const domain = name.replace(/^\*?\./, '')
  return host === domain || host.endsWith(`.${domain}`)
}

function isWithin(address: string, network: string, prefix: number): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > (family === 'ipv6' ? 128 : 32)) return false
  const list = new BlockList()
  list.addSubnet(network, prefix, family)
  return list.check(address, family)
}
