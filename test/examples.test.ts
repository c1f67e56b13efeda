import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dryRun } from '../src/build.js'

const names = readdirSync('examples').filter((name) => name.endsWith('.yml'))
const cacheDirectory = mkdtempSync(join(tmpdir(), 'linuxkit-examples-'))
afterAll(() => rmSync(cacheDirectory, { recursive: true }))

it.each(names)('examples/%s is right, and names packages that are there', async (name) => {
  const warnings: string[] = []
  const yml = await dryRun({
    cacheDirectory,
    sources: [`examples/${name}`],
    progress: (event) => {
      if (event.type === 'warning') warnings.push(event.message)
    },
    signal: new AbortController().signal,
  })
  expect(yml).not.toContain('@pkg:')
  expect(warnings).toEqual([])
})

it('are all described', () => {
  const described = [...readFileSync('docs/examples.md', 'utf8').matchAll(/^\| `([^`]+)` \|/gmu)].map(([, name]) => `${name}.yml`)
  expect(described.toSorted()).toEqual(names.toSorted())
})

it('use every package', () => {
  const used = new Set(
    names.flatMap((name) => [...readFileSync(`examples/${name}`, 'utf8').matchAll(/@pkg:\.\.\/pkg\/([\w-]+)/gu)].map(([, one]) => one)),
  )
  // What other examples of one's own need: nothing here can show them.
  const unused = readdirSync('pkg').filter((name) => !used.has(name))
  expect(unused).toEqual(['modprobe', 'poweroff'])
})
