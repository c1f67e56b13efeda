import { describe, expect, test } from 'vitest'
import { LinuxkitError, LinuxkitErrors } from '../base/errors.js'
import { parseBuildYml } from './build-yml.js'

function failure(text: string): LinuxkitError {
  try {
    parseBuildYml(text, 'build.yml')
  } catch (error) {
    if (error instanceof LinuxkitErrors) return error.errors[0] ?? error
    if (error instanceof LinuxkitError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('build.yml', () => {
  test('has defaults', () => {
    const { yml } = parseBuildYml('image: init\n', 'build.yml')
    expect(yml).toMatchObject({
      image: 'init',
      org: 'linuxkit',
      tag: '{{.Hash}}',
      dockerfile: 'Dockerfile',
      arches: ['amd64', 'arm64', 'riscv64'],
      network: false,
    })
    expect(yml.debian).toBeUndefined()
  })

  test('takes the default for text without a value, and nothing for a list without one', () => {
    const { yml } = parseBuildYml('image: init\norg:\ntag: ""\narches:\nnetwork: yes\nextra-sources: ~\ndebian:\n', 'build.yml')
    expect(yml).toMatchObject({ org: 'linuxkit', tag: '{{.Hash}}', arches: [], network: true, 'extra-sources': [] })
    expect(parseBuildYml('image: init\norg: ""\n', 'build.yml').yml.org).toBe('')
  })

  test('reads a debian section', () => {
    const { yml } = parseBuildYml(
      `image: x
debian:
  packages: [nginx, {name: grub-efi, arches: [amd64]}]
  merged-usr: false
  files:
    - {path: /etc/a, contents: hello, mode: "0600"}
    - {path: etc//b, symlink: ../a, arches: [arm64]}
    - {path: d, directory: true, mode: 01777, uid: 5}
  programs:
    - {program: service, path: /usr/bin/service}
  users:
  kernel: {modules: {remove: [sound]}}
`,
      'build.yml',
    )
    expect(yml.debian).toMatchObject({
      release: 'trixie',
      packages: ['nginx', { name: 'grub-efi', arches: ['amd64'] }],
      'merged-usr': false,
      files: [
        { path: 'etc/a', contents: 'hello', mode: 0o600 },
        { path: 'etc/b', symlink: '../a' },
        { path: 'd', directory: true, mode: 0o1777, uid: 5 },
      ],
      programs: [{ program: 'service', path: 'usr/bin/service', source: '../../guest' }],
      users: [],
      kernel: { modules: { keep: [], remove: ['sound'] }, decompress: false },
    })
  })

  test.each([
    ['org: linuxkit\n', 'config/missing-key', 1],
    ['image: x\nimgae: y\n', 'config/unknown-key', 2],
    ['image: x\nimage: y\n', 'config/duplicate-key', 2],
    ['image: x\nextra-sources: [a]\n', 'config/invalid', 2],
    ['image: x\ndebian:\n  packages:\n    - nginx\n    - Nginx!\n', 'config/invalid', 5],
    ['image: x\ndebian:\n  files:\n    - {path: a, contents: b, symlink: c}\n', 'config/invalid', 4],
    ['image: x\ndebian:\n  files:\n    - path: ../a\n      contents: b\n', 'config/invalid', 4],
    ['image: x\ndebian:\n  exclude: [a, B]\n', 'config/invalid', 3],
    ['image: x\nconfig:\n  binds: 1\n', 'config/wrong-type', 3],
  ])('points at the mistake in %j', (text, code, line) => {
    expect(failure(text)).toMatchObject({ code, where: { file: 'build.yml', line } })
  })
})
