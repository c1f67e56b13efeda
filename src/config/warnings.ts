import type { DocumentPath } from '../base/document.js'
import type { ProgressEvent } from '../base/progress.js'
import type { LoadedConfig } from './load.js'
import { CONTAINER_SECTIONS, type Config } from './schema.js'

type Warning = Extract<ProgressEvent, { type: 'warning' }>

interface Finding {
  readonly path: DocumentPath
  readonly message: string
}

/** What is legal in a configuration and probably not meant, with its place. */
export function warningsOf({ config, placeOf }: LoadedConfig): readonly Warning[] {
  const findings = [
    ...kernelFindings(config),
    ...hiddenFiles(config),
    ...repeatedFiles(config),
    ...repeatedBinds(config),
    ...unusedVolumes(config),
  ]
  return findings.map(({ path, message }) => ({ type: 'warning', message, where: placeOf(path) }))
}

function kernelFindings({ kernel, init }: Config): readonly Finding[] {
  if (kernel?.image === undefined || kernel.image === '') return []
  const findings: Finding[] = []
  if (!/(?:^|\s)console=/u.test(kernel.cmdline ?? '')) {
    findings.push({ path: ['kernel', 'cmdline'], message: 'kernel.cmdline names no console, so nothing shows on a serial line' })
  }
  if ((init ?? []).length === 0) findings.push({ path: ['kernel'], message: 'there is a kernel and no "init", so nothing runs after it' })
  return findings
}

/** Where something is mounted at boot, by the first name of a path. */
const MOUNTED_AT_BOOT: ReadonlySet<string> = new Set(['dev', 'proc', 'run', 'sys', 'tmp', 'var'])

function hiddenFiles({ files = [] }: Config): readonly Finding[] {
  return files.flatMap(({ path }, index) => {
    const [top = ''] = steps(path)
    if (!MOUNTED_AT_BOOT.has(top)) return []
    return [{ path: ['files', index, 'path'], message: `files[${index}]: a file system is mounted on /${top} at boot and hides "${path}"` }]
  })
}

function repeatedFiles({ files = [] }: Config): readonly Finding[] {
  const first = new Map<string, number>()
  return files.flatMap(({ path, directory }, index) => {
    const name = steps(path).join('/')
    const earlier = first.get(name)
    if (earlier === undefined) first.set(name, index)
    if (earlier === undefined || directory) return []
    return [{ path: ['files', index, 'path'], message: `files[${index}]: "${path}" takes the place of files[${earlier}]` }]
  })
}

function repeatedBinds(config: Config): readonly Finding[] {
  return CONTAINER_SECTIONS.flatMap((section) =>
    (config[section] ?? []).flatMap(({ name, binds = [] }, container) => {
      const seen = new Set<string>()
      return binds.flatMap((bind, index) => {
        const [, destination = ''] = bind.split(':')
        const again = seen.has(destination)
        seen.add(destination)
        if (!again) return []
        const message = `${section}[${container}] (${name}): a second bind on "${destination}" hides the first`
        return [{ path: [section, container, 'binds', index], message }]
      })
    }),
  )
}

function unusedVolumes(config: Config): readonly Finding[] {
  const containers = CONTAINER_SECTIONS.flatMap((section) => config[section] ?? [])
  const sources = new Set(
    containers.flatMap((one) => [
      ...[...(one.binds ?? []), ...(one['binds.add'] ?? [])].map((bind) => bind.split(':')[0]),
      ...(one.mounts ?? []).map(({ source }) => source),
    ]),
  )
  return (config.volumes ?? []).flatMap(({ name }, index) =>
    sources.has(name) ? [] : [{ path: ['volumes', index, 'name'], message: `volumes[${index}]: no container uses "${name}"` }],
  )
}

function steps(path: string): readonly string[] {
  return path.split('/').filter((step) => step !== '' && step !== '.')
}
