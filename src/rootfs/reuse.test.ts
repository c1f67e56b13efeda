import { describe, expect, it } from 'vitest'
import { parseMetadata } from '../config/earlier.js'
import { metadataJson, metadataYaml } from '../config/metadata.js'
import { unchangedLines } from './reuse.js'

const BASE = `
kernel: {image: k, cmdline: "console=ttyS0"}
init: [a, b]
onboot: [{name: first, image: tool}]
services:
  - {name: web, image: nginx}
  - {name: other, image: tool, uid: web}
  - {name: limited, image: limits, resources: {pids: {limit: 5}}, mounts: [{type: bind, source: /a, destination: /b}]}
volumes: [{name: v}, {name: w, image: data}]
files: [{path: etc/linuxkit.yml, metadata: yaml}]
`
const ALL = ['kernel', 'init[0]', 'init[1]', 'init', 'volume[0]', 'volume[1]', 'onboot[0]', 'services[0]', 'services[1]', 'services[2]']

function unchanged(edit: (text: string) => string): readonly string[] {
  return [...unchangedLines(parseMetadata(BASE, 'a.yml'), parseMetadata(edit(BASE), 'b.yml'))]
}

const without = (text: string): readonly string[] => ALL.filter((line) => !text.split(' ').includes(line))

describe('lines that an earlier build has made', () => {
  it('are all of them when nothing has changed', () => {
    expect(unchanged((text) => text)).toEqual(ALL)
  })

  it.each(['yaml', 'json'] as const)('are all of them when the configuration went through metadata: %s', (format) => {
    const config = parseMetadata(BASE, 'a.yml')
    const text = format === 'yaml' ? metadataYaml(config) : metadataJson(config)
    expect([...unchangedLines(parseMetadata(text, 'metadata'), config)]).toEqual(ALL)
  })

  it('are not those that have changed', () => {
    expect(unchanged((text) => text.replace('ttyS0', 'ttyS1'))).toEqual(without('kernel'))
    expect(unchanged((text) => text.replace('image: k,', 'image: "k:2",'))).toEqual(without('kernel'))
    expect(unchanged((text) => text.replace('[a, b]', '[a, c]'))).toEqual(without('init[1] init'))
    expect(unchanged((text) => text.replace('[a, b]', '[a, b, c]'))).toEqual(without('init'))
    expect(unchanged((text) => text.replace('image: nginx', 'image: nginx, readonly: true'))).toEqual(without('services[0]'))
    expect(unchanged((text) => text.replace('limit: 5', 'limit: 6'))).toEqual(without('services[2]'))
  })

  it('are no containers when volumes have changed, which their binds may name', () => {
    expect(unchanged((text) => text.replace('image: data', 'image: data, readonly: true'))).toEqual(
      without('volume[1] onboot[0] services[0] services[1] services[2]'),
    )
  })

  it('are not containers whose image lies in a container that has changed', () => {
    expect(unchanged((text) => text.replace('image: tool}]', 'image: tool, readonly: true}]'))).toEqual(without('onboot[0] services[1]'))
  })

  it('are not containers that name an id which has another number now', () => {
    expect(unchanged((text) => text.replace('onboot: [', 'onshutdown: [{name: last, image: z}]\nonboot: ['))).toEqual(
      without('services[1]'),
    )
  })
})
