import { parse } from 'valibot'
import { describe, expect, test } from 'vitest'
import { LinuxkitError } from '../base/errors.js'
import { containerConfig, type ContainerConfig } from '../image/container-config.js'
import { effectiveContainer } from './effective.js'
import { volumesByName } from './volumes.js'

const volumes = volumesByName([{ name: 'data' }, { name: 'fixed', readonly: true }])

function effective(yml: object, label: object = {}, image: object = {}): ContainerConfig {
  const placeOf = (field: readonly (string | number)[]) => ({ file: field.join('.') })
  return effectiveContainer(parse(containerConfig, yml), parse(containerConfig, label), image, { volumes, placeOf })
}

describe('precedence', () => {
  test('is yml, label, image, and what every container has', () => {
    const image = { Entrypoint: ['/e'], Cmd: ['c'], Env: ['A=1'], WorkingDir: '/w' }
    expect(effective({}, {}, image)).toMatchObject({ command: ['/e', 'c'], env: ['A=1'], cwd: '/w' })
    expect(effective({}, { command: ['l'], cwd: '/l' }, image)).toMatchObject({ command: ['l'], env: ['A=1'], cwd: '/l' })
    expect(effective({ command: ['y'], cwd: '', env: [] }, { command: ['l'] }, image)).toMatchObject({ command: ['y'], env: [], cwd: '/w' })
    expect(effective({})).toMatchObject({ command: undefined, cwd: '/' })
  })

  test('lets what is present replace the label, false and empty too', () => {
    const label = { readonly: true, sysctl: { a: '1' }, binds: ['/a:/a'], oomScoreAdj: 5, net: 'host' }
    expect(effective({ readonly: false, sysctl: {}, binds: [], oomScoreAdj: 0, net: '' }, label)).toMatchObject({
      readonly: false,
      sysctl: {},
      binds: [],
      oomScoreAdj: 0,
      net: 'host',
    })
  })

  test('adds to the lists of the label, unless the yml has its own', () => {
    const label = { capabilities: ['CAP_KILL'], binds: ['/a:/a'], 'capabilities.add': ['CAP_CHOWN'] }
    const more = { 'capabilities.add': ['CAP_KILL'], 'binds.add': ['/b:/b'] }
    expect(effective(more, label)).toMatchObject({ capabilities: ['CAP_KILL', 'CAP_KILL'], binds: ['/a:/a', '/b:/b'] })
    expect(effective({ ...more, capabilities: [], binds: ['/c:/c'] }, label)).toMatchObject({ capabilities: [], binds: ['/c:/c'] })
    expect(effective(more)).toMatchObject({ capabilities: ['CAP_KILL'], binds: ['/b:/b'] })
  })

  test('joins runtime member by member', () => {
    const label = { runtime: { mkdir: ['/l'], cgroups: ['c'], bindNS: { net: '/l', uts: '/u' } } }
    expect(effective({ runtime: { mkdir: ['/y'], bindNS: { net: '/y' } } }, label).runtime).toEqual({
      mkdir: ['/y'],
      cgroups: ['c'],
      bindNS: { net: '/y', uts: '/u' },
    })
  })
})

describe('volumes', () => {
  test('are replaced by their paths in binds and bind mounts', () => {
    const { binds, mounts } = effective({
      binds: ['data:/a', 'fixed:/b:ro', '/x:/y'],
      mounts: [
        { type: 'bind', source: 'data', destination: '/d' },
        { type: 'tmpfs', source: 'data' },
      ],
    })
    expect(binds).toEqual(['/containers/volumes/data/merged:/a', '/containers/volumes/fixed/merged:/b:ro', '/x:/y'])
    expect(mounts).toMatchObject([{ source: '/containers/volumes/data/merged' }, { source: 'data' }])
  })

  test.each([
    [{ binds: ['/x:/y', 'dta:/a'] }, {}, 'config/unknown-volume', 'binds.1', 'did you mean "data"?'],
    [{ binds: ['fixed:/a'] }, {}, 'config/volume-readonly', 'binds.0', 'write fixed:/a:ro'],
    [{ 'binds.add': ['fixed:/a:rw'] }, { binds: ['/x:/y'] }, 'config/volume-readonly', 'binds.add.0', 'write fixed:/a:ro'],
    [{ mounts: [{ type: 'bind', source: 'fixed' }] }, {}, 'config/volume-readonly', 'mounts.0', 'write options: [ro]'],
  ])('refuses %j', (yml, label, code, place, hint) => {
    let caught: unknown
    try {
      effective(yml, label)
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(LinuxkitError)
    expect(caught).toMatchObject({ code, where: { file: place }, hint })
  })
})
