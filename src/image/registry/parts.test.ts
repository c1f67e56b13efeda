import { describe, expect, it } from 'vitest'
import { parseReference } from '../reference.js'
import { mayHaveCredentials } from './authorization.js'
import { parseChallenges } from './challenge.js'
import { endpointOf, mirrorsOf, parseMirrors } from './mirrors.js'

describe('parseChallenges', () => {
  it('reads schemes with quoted and plain parameters', () => {
    const header =
      'Bearer realm="https://auth.example/token?a=b,c",service=reg, scope="repository:a/b:pull,push", Basic realm="say \\"hi\\""'
    expect(parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])).toEqual([
      ['bearer', { realm: 'https://auth.example/token?a=b,c', service: 'reg', scope: 'repository:a/b:pull,push' }],
      ['basic', { realm: 'say "hi"' }],
    ])
  })

  it.each([[''], ['  '], ['=,='], ['Basic'], ['Bearer realm="open']])('does not stumble over %j', (header) => {
    expect(parseChallenges(header).length).toBeLessThanOrEqual(1)
  })
})

describe('mirrors', () => {
  it.each([
    ['redis', [], 'https://registry-1.docker.io', 'library/redis', 'latest'],
    ['redis:7', ['http://m:5000'], 'http://m:5000', 'library/redis', '7'],
    ['redis:7', ['docker.io=https://m/hub/'], 'https://m', 'hub/library/redis', '7'],
    ['quay.io/a/b:1', ['docker.io=https://m'], 'https://quay.io', 'a/b', '1'],
    ['quay.io/a/b:1', ['https://all', 'quay.io=https://one'], 'https://one', 'a/b', '1'],
    ['localhost:5000/a/b:1', [], 'http://localhost:5000', 'a/b', '1'],
  ])('%s with %j is asked for at %s', (name, mirrors, base, repository, identifier) => {
    expect(endpointOf(parseReference(name), parseMirrors(mirrors))).toEqual({ base, repository, identifier })
  })

  it('takes those of the environment, and flags before them', () => {
    const mirrors = mirrorsOf(['docker.io=https://flag'], { LINUXKIT_MIRROR: 'docker.io=https://environment, quay.io=https://q' })
    expect(Object.fromEntries(mirrors)).toEqual({ 'docker.io': 'https://flag', 'quay.io': 'https://q' })
  })

  it.each([['docker.io=127.0.0.1:5'], ['ftp://m'], ['quay.io='], ['http://']])('refuses %s', (value) => {
    expect(() => parseMirrors([value])).toThrow(/mirror.*http/)
  })
})

describe('mayHaveCredentials', () => {
  it.each([
    ['https://auth.docker.io/token', 'https://registry-1.docker.io', true],
    ['https://gitlab.com/jwt', 'https://registry.gitlab.com', true],
    ['https://evil.example/token', 'https://registry.gitlab.com', false],
    ['http://registry.gitlab.com/token', 'https://registry.gitlab.com', false],
    ['http://10.0.0.2:5001/token', 'http://10.0.0.1:5000', false],
    ['http://10.0.0.1:5000/token', 'http://10.0.0.1:5000', true],
    ['http://10.0.0.1:5001/token', 'http://10.0.0.1:5000', true],
    ['https://evil.co.uk/token', 'https://registry.good.co.uk', false],
    ['https://auth.good.co.uk/token', 'https://registry.good.co.uk', true],
  ])('%s for %s: %s', (realm, registry, answer) => expect(mayHaveCredentials(new URL(realm), new URL(registry))).toBe(answer))
})
