import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAll } from '../../base/content.js'
import { condense, parseCondensed } from './packages.js'

const SHA256 = 'ab'.repeat(32)

const INDEX = `Package: liböl
Source: oil (1.0-1)
Version: 1.0-1+b1
Installed-Size: 12
Architecture: amd64
Provides: libfat (= 2)
Pre-Depends: a
Depends: b (>= 1),
 c | d
Description: pours\toil
Tag: role::shared-lib,
 uitoolkit::gtk
Filename: pool/main/o/oil/libol_1.0-1+b1_amd64.deb
Size: 1234
SHA256: ${SHA256}

Package: plain
Version: 2
Architecture: all
Filename: pool/p.deb
Size: 5
SHA256: ${SHA256}
`

async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncIterable<Uint8Array> {
  let start = 0
  for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    yield bytes.subarray(start, cut)
    start = cut
  }
}

test('keeps what matters of a Packages index, wherever its pieces end', async () => {
  const bytes = Buffer.from(INDEX)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 20 }), async (cuts) => {
      const condensed = await readAll(condense(inPieces(bytes, cuts)), 10_000)
      expect([...parseCondensed(condensed.toString(), 'http://a/debian')]).toEqual([
        {
          name: 'liböl',
          version: '1.0-1+b1',
          architecture: 'amd64',
          source: 'oil',
          sourceVersion: '1.0-1',
          priority: '',
          description: 'pours oil',
          depends: 'a, b (>= 1), c | d',
          provides: 'libfat (= 2)',
          archive: 'http://a/debian',
          filename: 'pool/main/o/oil/libol_1.0-1+b1_amd64.deb',
          size: 1234,
          sha256: SHA256,
        },
        expect.objectContaining({ name: 'plain', source: 'plain', sourceVersion: '2', depends: '', provides: '', size: 5 }),
      ])
    }),
  )
})

test('refuses a package that cannot be verified', async () => {
  const condensed = await readAll(condense(inPieces(Buffer.from('Package: a\nVersion: 1\nFilename: a.deb\nSize: 1\n'), [])), 1000)
  expect(() => [...parseCondensed(condensed.toString(), 'http://a/debian')]).toThrow('describes the package a without')
})
