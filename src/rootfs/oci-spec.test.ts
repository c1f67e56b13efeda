import { parse } from 'valibot'
import { expect, test } from 'vitest'
import { LinuxkitError } from '../base/errors.js'
import { containerConfig } from '../image/container-config.js'
import { containerBundle, type Bundle } from './oci-spec.js'

const PATHS = { bundle: '/containers/services/app', image: '/containers/services/app/lower' }

function bundle(fields: object): Bundle {
  const ids = new Map([['app', 100]])
  return containerBundle({ container: parse(containerConfig, fields), paths: PATHS, ids, placeOf: (field) => ({ file: field }) })
}

function spec(fields: object): Spec {
  return JSON.parse(bundle(fields).configJson) as Spec
}

/** The parts of a config.json that tests look at. */
type Spec = {
  readonly process: Readonly<Record<string, unknown>>
  readonly root: unknown
  readonly mounts: readonly { readonly destination: string; readonly options?: readonly string[] }[]
  readonly linux: Readonly<Record<string, unknown>>
}

const MINIMAL = `{
    "ociVersion": "1.2.1",
    "process": {
        "user": {
            "uid": 0,
            "gid": 0
        },
        "cwd": "/",
        "capabilities": {}
    },
    "root": {
        "path": "rootfs"
    },
    "mounts": [
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": [
                "nosuid",
                "strictatime",
                "mode=755",
                "size=65536k"
            ]
        },
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": [
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620"
            ]
        },
        {
            "destination": "/proc",
            "type": "proc",
            "source": "proc",
            "options": [
                "nosuid",
                "nodev",
                "noexec",
                "relatime"
            ]
        },
        {
            "destination": "/sys",
            "type": "sysfs",
            "source": "sysfs",
            "options": [
                "nosuid",
                "noexec",
                "nodev"
            ]
        },
        {
            "destination": "/sys/fs/cgroup",
            "type": "cgroup",
            "source": "cgroup",
            "options": [
                "nosuid",
                "noexec",
                "nodev",
                "relatime",
                "ro"
            ]
        }
    ],
    "linux": {
        "resources": {},
        "namespaces": [
            {
                "type": "pid"
            },
            {
                "type": "mount"
            }
        ]
    }
}`

test('writes what every container has, to the byte', () => {
  expect(bundle({}).configJson).toBe(MINIMAL)
})

test('gives the root file system an overlay in memory, or a bind when it is readonly', () => {
  expect(JSON.parse(bundle({}).runtimeJson)).toEqual({
    cgroups: [],
    mounts: [
      { destination: `${PATHS.bundle}/tmp`, type: 'tmpfs', source: 'tmpfs' },
      { destination: `${PATHS.bundle}/tmp`, options: ['remount', 'private'] },
      {
        destination: `${PATHS.bundle}/rootfs`,
        type: 'overlay',
        source: 'overlay',
        options: [`lowerdir=${PATHS.image}`, `upperdir=${PATHS.bundle}/tmp/upper`, `workdir=${PATHS.bundle}/tmp/work`],
      },
    ],
    mkdir: [],
    interfaces: [],
    bindNS: { cgroup: '', ipc: '', mnt: '', net: '', pid: '', user: '', uts: '' },
    namespace: '',
  })
  const runtime = JSON.parse(bundle({ readonly: true, runtime: { mkdir: ['/x'], bindNS: { net: '/n' } } }).runtimeJson) as object
  expect(runtime).toMatchObject({
    mounts: [{ destination: `${PATHS.bundle}/rootfs`, source: PATHS.image, options: ['bind'] }],
    mkdir: ['/x'],
    bindNS: { net: '/n', uts: '' },
  })
})

test('makes the mounts of a readonly container readonly', () => {
  const { root, mounts } = spec({ readonly: true })
  expect(root).toEqual({ path: 'rootfs', readonly: true })
  const readonly = mounts.filter(({ options }) => options?.at(-1) === 'ro').map(({ destination }) => destination)
  expect(readonly).toEqual(['/dev', '/sys', '/sys/fs/cgroup'])
})

test('lets later mounts replace earlier ones and sorts them', () => {
  const { mounts } = spec({
    tmpfs: ['/tmp:size=1m,ro', '/sys'],
    binds: ['/a:/data', '/b:/data:ro', '/c:/x:rslave'],
    mounts: [{ type: 'sysfs' }, { source: 'mqueue' }, { type: 'bind', source: '/etc', destination: '/etc', options: ['bind'] }],
  })
  expect(mounts.filter(({ destination }) => !['/dev', '/dev/pts', '/proc', '/sys/fs/cgroup'].includes(destination))).toEqual([
    { destination: '/data', type: 'bind', source: '/b', options: ['ro', 'rbind'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue' },
    { destination: '/etc', type: 'bind', source: '/etc', options: ['bind'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs' },
    { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['size=1m', 'ro'] },
    { destination: '/x', type: 'bind', source: '/c', options: ['rslave', 'rbind'] },
  ])
})

test('keeps the order of effective capabilities and sorts the union of the others', () => {
  expect(spec({ capabilities: ['CAP_SYS_ADMIN', 'CAP_KILL'], ambient: ['CAP_CHOWN'] }).process['capabilities']).toEqual({
    bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN'],
    effective: ['CAP_SYS_ADMIN', 'CAP_KILL'],
    inheritable: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN'],
    permitted: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN'],
    ambient: ['CAP_CHOWN'],
  })
  expect(spec({ capabilities: ['ALL'] }).process).toMatchObject({
    capabilities: { effective: expect.objectContaining({ length: 41 }) as unknown },
  })
  expect(spec({ capabilities: ['none'] }).process['capabilities']).toEqual({})
})

test('shares namespaces with the root unless told otherwise', () => {
  expect(spec({ net: 'none', ipc: '/run/ipc', uts: 'host', pid: 'host', userns: 'new' }).linux['namespaces']).toEqual([
    { type: 'network' },
    { type: 'ipc', path: '/run/ipc' },
    { type: 'user' },
    { type: 'mount' },
  ])
})

test('turns devices into nodes and rules', () => {
  const { linux } = spec({
    resources: { devices: [{ type: 'c', major: 1, access: 'r' }], blockio: { weight: 4 }, memory: { limit: 9223372036854775807n } },
    devices: [
      { path: '/dev/tty', type: 'c', major: 5, mode: '0666' },
      { path: 'all', type: 'b' },
    ],
  })
  expect(linux['devices']).toEqual([{ path: '/dev/tty', type: 'c', major: 5, minor: 0, fileMode: 438 }])
  expect(linux['resources']).toMatchObject({
    devices: [
      { allow: false, type: 'c', major: 1, access: 'r' },
      { allow: true, type: 'c', major: 5, minor: 0, access: 'rwm' },
      { allow: true, type: 'b', access: 'rwm' },
    ],
    blockIO: { weight: 4 },
  })
})

test('writes limits exactly and resolves ids', () => {
  const { configJson } = bundle({ rlimits: [' nofile , 1, UNLIMITED'], uid: -1, gid: 'app', additionalGids: ['root', 5], oomScoreAdj: 0 })
  expect(configJson.replaceAll(/\s/g, '')).toContain('{"type":"RLIMIT_NOFILE","hard":18446744073709551615,"soft":1}')
  const { process } = JSON.parse(configJson) as Spec
  expect(process).toMatchObject({ user: { uid: 4294967295, gid: 100, additionalGids: [0, 5] }, oomScoreAdj: 0 })
})

test.each([
  [{ capabilities: ['cap_sys_admin'] }, 'capabilities', 'did you mean "CAP_SYS_ADMIN"?'],
  [{ capabilities: ['SYS_ADMIN'] }, 'capabilities', 'did you mean "CAP_SYS_ADMIN"?'],
  [{ capabilities: ['all', 'CAP_KILL'] }, 'capabilities', '"all" must be the only one in the list'],
  [{ binds: ['/a'] }, 'binds', undefined],
  [{ binds: ['/a:/b:c:d'] }, 'binds', undefined],
  [{ tmpfs: ['/tmp:a:b'] }, 'tmpfs', 'write destination:option,option'],
  [{ mounts: [{ destination: '/data' }] }, 'mounts', 'say what to mount there: type: bind'],
  [{ mounts: [{ type: 'bind' }] }, 'mounts', 'say where to mount it: destination: /path'],
  [{ mounts: [{ destination: '/x', source: 'constructor' }] }, 'mounts', 'say what to mount there: type: bind'],
  [{ mounts: [{ destination: '', type: 'constructor' }] }, 'mounts', 'say where to mount it: destination: /path'],
  [{ rlimits: ['nofile,100'] }, 'rlimits', 'for example nofile,1024,4096'],
  [{ rlimits: ['nofiles,1,2'] }, 'rlimits', 'did you mean "nofile"?'],
  [{ rlimits: ['nofile,-1,5'] }, 'rlimits', 'write a number or unlimited'],
  [{ devices: [{ path: '/dev/x' }] }, 'devices', 'write an octal number: mode: "0660"'],
  [{ uid: '5' }, 'uid', 'write the number without quotes: 5'],
])('refuses %j and says where', (fields, field, hint) => {
  let caught: unknown
  try {
    bundle(fields)
  } catch (error) {
    caught = error
  }
  expect(caught).toBeInstanceOf(LinuxkitError)
  expect(caught).toMatchObject({ where: { file: field }, hint })
})
