import { describe, expect, test } from 'vitest'
import { PackageSet } from './package-set.js'
import type { DebianPackage } from './packages.js'
import { resolvePackages } from './resolve.js'

/** `name version` to the fields that matter to the closure. */
type Sketch = Readonly<Record<string, Partial<Pick<DebianPackage, 'depends' | 'provides' | 'priority'>>>>

function sketched(sketch: Sketch): PackageSet {
  const packages = Object.entries(sketch).map(([title, fields]): DebianPackage => {
    const [name = '', version = '1'] = title.split(' ')
    return {
      name,
      version,
      architecture: 'amd64',
      source: name,
      sourceVersion: version,
      priority: 'optional',
      description: '',
      depends: '',
      provides: '',
      archive: 'http://mirror/debian',
      filename: `pool/${name}.deb`,
      size: 1,
      sha256: '00'.repeat(32),
      ...fields,
    }
  })
  return new PackageSet(packages, 'amd64')
}

function closure(sketch: Sketch, names: readonly string[], exclude?: readonly string[]): string {
  return resolvePackages(sketched(sketch), names, exclude)
    .map(({ name, version }) => (version === '1' ? name : `${name} ${version}`))
    .join(', ')
}

describe('resolvePackages', () => {
  test('takes dependencies of dependencies, once, sorted, through cycles', () => {
    const sketch = { z: { depends: 'b, m' }, m: { depends: 'a' }, a: { depends: 'z' }, b: { depends: 'a' }, unrelated: {} }
    expect(closure(sketch, ['z'])).toBe('a, b, m, z')
  })

  test('takes the newest version over all suites', () => {
    expect(closure({ a: { depends: 'lib (>= 2)' }, 'lib 1.9': {}, 'lib 2.10': {}, 'lib 2.9': {} }, ['a'])).toBe('a, lib 2.10')
  })

  test('takes the first alternative that the archive has', () => {
    expect(closure({ a: { depends: 'gone | b (>= 2) | c | d' }, b: {}, c: {}, d: {} }, ['a'])).toBe('a, c')
  })

  test('takes no alternative when another is needed anyway, in whatever order they are named', () => {
    const sketch = { a: { depends: 'b | c' }, b: {}, c: {}, z: { depends: 'y' }, y: { depends: 'c' } }
    expect(closure(sketch, ['a', 'z'])).toBe('a, c, y, z')
    expect(closure(sketch, ['z', 'a'])).toBe('a, c, y, z')
    expect(closure(sketch, ['a', 'c'])).toBe('a, c')
  })

  test('finds virtual packages by what provides them, the more important first', () => {
    const sketch = { a: { depends: 'awk' }, gawk: { provides: 'awk' }, mawk: { provides: 'awk', priority: 'required' } }
    expect(closure(sketch, ['a'])).toBe('a, mawk')
    expect(closure(sketch, ['a', 'gawk'])).toBe('a, gawk')
    expect(closure({ ...sketch, awk: {} }, ['a'])).toBe('a, awk')
  })

  test('a relation with a version is met only by a provision with a version', () => {
    const sketch = { a: { depends: 'api (>= 2)' }, b: { provides: 'api' }, c: { provides: 'api (= 1)' }, d: { provides: 'api (= 2)' } }
    expect(closure(sketch, ['a'])).toBe('a, d')
  })

  test('a virtual package can be named when there is no choice', () => {
    expect(closure({ mawk: { provides: 'awk' } }, ['awk'])).toBe('mawk')
    expect(() => closure({ mawk: { provides: 'awk' }, gawk: { provides: 'awk' } }, ['awk'])).toThrow(
      expect.objectContaining({ code: 'debian/unknown-package', hint: 'it is a virtual package; name one that provides it: gawk, mawk' }),
    )
  })

  test('leaves out what is excluded, with what only that would bring', () => {
    const sketch = {
      a: { depends: 'debconf (>= 9) | debconf-2.0, helper, b' },
      b: { depends: 'virtual' },
      debconf: { depends: 'perl' },
      cdebconf: { provides: 'debconf-2.0' },
      helper: { depends: 'perl', provides: 'virtual' },
      perl: {},
    }
    expect(closure(sketch, ['a'], ['debconf', 'helper'])).toBe('a, b')
    expect(closure(sketch, ['a', 'helper'], ['debconf', 'helper', 'perl'])).toBe('a, b, helper')
  })

  test('names the nearest of an unknown package', () => {
    expect(() => closure({ nginx: {}, apache2: {} }, ['ngnix'])).toThrow(
      expect.objectContaining({ code: 'debian/unknown-package', hint: 'did you mean "nginx"?' }),
    )
  })

  test('shows the way to a dependency that cannot be met', () => {
    const sketch = { nginx: { depends: 'mod' }, mod: { depends: 'libfoo (>= 2) | gone' }, 'libfoo 1.5': {}, 'libfoo 1.4': {} }
    expect(() => closure(sketch, ['nginx'])).toThrow(
      expect.objectContaining({
        code: 'debian/unmet-dependency',
        message: 'the dependency nginx -> mod -> libfoo (>= 2) | gone cannot be met',
        hint: 'the archive has libfoo 1.5, libfoo 1.4',
      }),
    )
  })
})
