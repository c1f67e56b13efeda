import { parse } from 'valibot'
import { expect, test } from 'vitest'
import { LinuxkitError } from '../base/errors.js'
import { containerConfig } from './container-config.js'
import { labelJson, parseLabel } from './container-config-label.js'

test('writes the label compactly, in its own order, with Go escapes', () => {
  const config = parse(containerConfig, {
    runtime: { namespace: 'n', mkdir: ['/var/x'], mounts: [{ options: ['rw'], type: 'bind', destination: '/b', source: '/a' }] },
    annotations: { b: '2', a: '1' },
    env: ['A=<b>&c'],
    binds: [],
    capabilities: ['CAP_CHOWN'],
    hostname: '',
    oomScoreAdj: 0,
    uidMappings: [{ size: 3, hostID: 1000 }],
  })
  expect(labelJson(config)).toBe(
    '{"capabilities":["CAP_CHOWN"],"binds":[],"env":["A=\\u003cb\\u003e\\u0026c"],"oomScoreAdj":0,' +
      '"uidMappings":[{"containerID":0,"hostID":1000,"size":3}],"annotations":{"a":"1","b":"2"},' +
      '"runtime":{"mounts":[{"destination":"/b","type":"bind","source":"/a","options":["rw"]}],"mkdir":["/var/x"],"bindNS":{},"namespace":"n"}}',
  )
})

test('reads back what it writes', () => {
  const config = parse(containerConfig, {
    devices: [{ path: '/dev/x', type: 'c', major: 1, minor: 3, mode: '0660' }],
    resources: {
      memory: { limit: 9223372036854775807n, kernelTCP: 2, disableOOMKiller: true },
      blockio: { weightDevice: [{ major: 8, weight: 10 }] },
      hugepageLimits: [{ pageSize: '2MB', limit: 4 }],
      network: { classID: 1, priorities: [{ name: 'eth0', priority: 2 }] },
    },
    runtime: { interfaces: [{ name: 'eth0', add: 'veth' }], bindNS: { net: '/run/netns/x' } },
  })
  expect(parseLabel(labelJson(config), 'image')).toEqual(config)
})

test('takes an empty label for no fields', () => {
  expect(parseLabel('', 'image')).toEqual({})
})

test.each([
  ['{"name": "x"}', 'name: unknown key "name"'],
  ['[]', 'the configuration: expected an object (key: value), found an array'],
  ['{"binds": "/a:/b"}', 'binds: expected an array of strings, found the string "/a:/b"'],
  ['net: [host', expect.stringContaining('not valid yaml')],
])('refuses the label %s and names it', (text, message) => {
  let caught: unknown
  try {
    parseLabel(text, 'docker.io/library/app:1')
  } catch (error) {
    caught = error
  }
  expect(caught).toBeInstanceOf(LinuxkitError)
  expect(caught).toMatchObject({ message, where: { file: 'label org.mobyproject.config of docker.io/library/app:1' } })
})
