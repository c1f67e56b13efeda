import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LinuxkitError } from '../base/errors.js'
import { parseReference, withDefaultTag, type Reference } from './reference.js'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`

/** What the text is read as, or the refusal; any other error is thrown. */
function parse(text: string): Reference | LinuxkitError {
  try {
    return parseReference(text)
  } catch (error) {
    if (error instanceof LinuxkitError) return error
    throw error
  }
}

describe('parseReference', () => {
  it.each([
    ['redis', 'docker.io/library/redis'],
    ['redis:7', 'docker.io/library/redis:7'],
    ['foo/bar:1', 'docker.io/foo/bar:1'],
    ['quay.io/x', 'quay.io/x'],
    ['localhost/x', 'localhost/x'],
    ['localhost:5000/x:v1', 'localhost:5000/x:v1'],
    ['a/b/c', 'a/b/c'],
    ['r:5000/x/y', 'r:5000/x/y'],
    ['[::1]:5000/x/y', '[::1]:5000/x/y'],
    [`redis@${DIGEST}`, `docker.io/library/redis@${DIGEST}`],
    [`redis:7@${DIGEST}`, `docker.io/library/redis:7@${DIGEST}`],
    ['linuxkit/init:8eea38-dirty-1234567', 'docker.io/linuxkit/init:8eea38-dirty-1234567'],
  ])('expands %s to %s', (text, expanded) => {
    expect(parseReference(text).text).toBe(expanded)
  })

  it('tells the parts apart', () => {
    expect(parseReference(`r:5000/x/y:v1@${DIGEST}`)).toEqual({
      registry: 'r:5000',
      repository: 'x/y',
      tag: 'v1',
      digest: DIGEST,
      text: `r:5000/x/y:v1@${DIGEST}`,
    })
  })

  it.each([
    ['https://docker.io/library/redis', 'leave out "https://"'],
    ['Redis', 'write "library/redis": names are lower case'],
    ['linuxkit/init:a b', 'tags consist of letters, digits, ".", "_" and "-"'],
    ['redis@sha256:12', 'a digest is "sha256:" and 64 hexadecimal digits'],
    ['', 'an image is named like "linuxkit/init:v1" or "registry.example/path/name:tag"'],
    ['a//b', 'an image is named like "linuxkit/init:v1" or "registry.example/path/name:tag"'],
    ['../../etc/passwd', 'an image is named like "linuxkit/init:v1" or "registry.example/path/name:tag"'],
  ])('refuses "%s" and says what to do', (text, hint) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'image/bad-reference', hint }))
  })

  const component = fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?$/)
  const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,8}$/), { nil: undefined })
  const digest = fc.option(fc.stringMatching(/^sha256:[0-9a-f]{64}$/), { nil: undefined })
  const host = fc.constantFrom('docker.io', 'localhost', 'localhost:5000', 'quay.io', '127.0.0.1:1')

  it('reads a full name as what it says, and its text as itself', () => {
    fc.assert(
      fc.property(host, fc.array(component, { minLength: 1, maxLength: 3 }), tag, digest, (registry, path, tag, digest) => {
        const text = `${registry}/${path.join('/')}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
        expect(parseReference(text)).toEqual({ registry, repository: path.join('/'), tag, digest, text })
      }),
    )
  })

  it('refuses with a LinuxkitError or gives a text that is read as the same again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9:@/._-]{0,30}$/)), (text) => {
        const reference = parse(text)
        expect(reference instanceof LinuxkitError || parseReference(reference.text)).toEqual(
          reference instanceof LinuxkitError || reference,
        )
      }),
    )
  })
})

describe('withDefaultTag', () => {
  it.each([
    ['redis', 'docker.io/library/redis:latest'],
    ['r:5000/x/y', 'r:5000/x/y:latest'],
    ['redis:7', 'docker.io/library/redis:7'],
    [`redis@${DIGEST}`, `docker.io/library/redis@${DIGEST}`],
  ])('makes %s %s', (text, tagged) => {
    expect(withDefaultTag(parseReference(text)).text).toBe(tagged)
  })
})
