import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findSources } from './sources.js'

let apt: string
beforeEach(async () => {
  apt = await mkdtemp(join(tmpdir(), 'linuxkit-apt-'))
  await mkdir(join(apt, 'sources.list.d'))
})
afterEach(() => rm(apt, { recursive: true }))

describe('findSources', () => {
  test('takes the main archive of a deb822 file, and the security archive beside it', async () => {
    await writeFile(
      join(apt, 'sources.list.d', 'debian.sources'),
      `Types: deb
URIs: http://off.test/debian
Suites: old
Enabled: no

Types: deb-src
URIs: http://src.test/debian
Suites: old

# main
types: deb deb-src
uris: http://mirror.test/debian/
Suites: bookworm bookworm-updates
Signed-By: /usr/share/keyrings/a.gpg
Check-Valid-Until: no

Types: deb
URIs: http://security.test/debian-security
Suites: bookworm-security
`,
    )
    expect(await findSources(undefined, apt, {})).toEqual({
      archive: 'http://mirror.test/debian',
      security: 'http://security.test/debian-security',
      signedBy: '/usr/share/keyrings/a.gpg',
      checkValidUntil: false,
    })
  })

  test('takes it from a file in the one-line format, which comes first', async () => {
    await writeFile(join(apt, 'sources.list.d', 'z.list'), 'deb http://late.test/debian trixie main\n')
    await writeFile(
      join(apt, 'sources.list'),
      `# deb http://comment.test/debian trixie main
deb-src http://src.test/debian trixie main
deb cdrom:[Debian]/debian trixie main
deb https://other.test/apt stable main
deb [arch=amd64 signed-by=/a.gpg,/b.asc] https://mirror.test/debian trixie main contrib # ours
`,
    )
    expect(await findSources(undefined, apt, {})).toMatchObject({
      archive: 'https://mirror.test/debian',
      security: 'https://mirror.test/debian-security',
      signedBy: '/a.gpg /b.asc',
    })
  })

  test('knows a snapshot of the archive', async () => {
    await writeFile(
      join(apt, 'sources.list'),
      'deb [check-valid-until=no] http://snapshot.test/archive/debian/20250520T000000Z trixie main\n',
    )
    expect(await findSources(undefined, apt, {})).toEqual({
      archive: 'http://snapshot.test/archive/debian/20250520T000000Z',
      security: 'http://snapshot.test/archive/debian-security/20250520T000000Z',
      signedBy: '',
      checkValidUntil: false,
    })
  })

  test('prefers what is given, then the environment, then the host', async () => {
    await writeFile(join(apt, 'sources.list'), 'deb [signed-by=/a.gpg] http://host.test/debian trixie main\n')
    const environment = { LINUXKIT_DEBIAN_MIRROR: 'http://environment.test/debian/' }
    expect((await findSources('http://given.test/debian', apt, environment)).archive).toBe('http://given.test/debian')
    expect(await findSources(undefined, apt, environment)).toEqual({
      archive: 'http://environment.test/debian',
      security: 'http://environment.test/debian-security',
      signedBy: '/a.gpg',
      checkValidUntil: true,
    })
    expect((await findSources(undefined, apt, {})).archive).toBe('http://host.test/debian')
  })

  test('says what to do on a host without Debian', async () => {
    await expect(findSources(undefined, join(apt, 'missing'), {})).rejects.toMatchObject({
      code: 'debian/no-mirror',
      hint: expect.stringContaining('LINUXKIT_DEBIAN_MIRROR'),
    })
  })

  test('refuses what is no mirror, and never repeats a password', async () => {
    await expect(findSources('mirror.test/debian', apt, {})).rejects.toMatchObject({ code: 'debian/bad-mirror' })
    await expect(findSources('ftp://mirror.test/debian', apt, {})).rejects.toMatchObject({ code: 'debian/bad-mirror' })
    await expect(findSources('http://me:secret@mirror.test/debian', apt, {})).rejects.toMatchObject({
      code: 'debian/bad-mirror',
      message: expect.not.stringContaining('secret'),
    })
  })
})
