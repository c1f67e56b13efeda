import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadPackage } from './package.js'
import { RememberedTags } from './remembered-tags.js'
import { tagSources } from './tag-sources.js'

let directory: string
let one: string

const git = (...args: readonly string[]): void => {
  execFileSync('git', ['-C', directory, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args])
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linuxkit-tags-'))
  one = join(directory, 'pkg', 'one')
  await mkdir(join(one, 'sub'), { recursive: true })
  await writeFile(join(one, 'build.yml'), 'image: one\n')
  await writeFile(join(one, 'sub', 'file'), '1')
  await mkdir(join(directory, 'other'))
  await writeFile(join(directory, 'other', 'file'), '1')
  git('init', '-q')
  git('add', '.')
  git('commit', '-qm', 'first')
})

afterEach(() => rm(directory, { recursive: true }))

/** A run of the program, ten minutes after now, so that nothing is too young; says whether git was asked. */
async function run(startedAt = Date.now() + 600_000): Promise<{ readonly tag: string; readonly computed: boolean }> {
  const tags = new RememberedTags(join(directory, '.git', 'tags.json'), startedAt)
  let computed = false
  const tag = await tags.tagOf(one, async () => {
    computed = true
    const loaded = await loadPackage(one)
    return { tag: loaded.tag, sources: loaded.sources && (await tagSources(loaded.sources)) }
  })
  await tags.keep()
  return { tag, computed }
}

test('a tag is remembered while nothing of the package has changed', async () => {
  const first = await run()
  expect(first.computed).toBe(true)
  await writeFile(join(directory, 'other', 'file'), '2')
  expect(await run()).toEqual({ tag: first.tag, computed: false })
})

test('what was changed just now is not trusted', async () => {
  await run(Date.now())
  expect((await run()).computed).toBe(true)
})

const changes: Readonly<Record<string, () => void | Promise<void>>> = {
  'another content of the same length': () => writeFile(join(one, 'sub', 'file'), '2'),
  'another mode': () => chmod(join(one, 'sub', 'file'), 0o755),
  'a new file': () => writeFile(join(one, 'sub', 'new'), ''),
  'a file that is gone': () => rm(join(one, 'sub', 'file')),
  'a staged removal': () => git('rm', '-q', '--cached', 'pkg/one/sub/file'),
}

test.each(Object.entries(changes))('%s makes another tag', async (_, change) => {
  const first = await run()
  await change()
  const second = await run()
  expect(second.computed).toBe(true)
  expect(second.tag).toMatch(/-dirty-[0-9a-f]{7}$/)
  // A tag with changes is computed each time.
  expect((await run()).computed).toBe(true)
  git('checkout', '-q', '-f', 'HEAD')
  git('clean', '-qfd')
  expect((await run()).tag).toBe(first.tag)
})

test('another commit without a change of the files makes another tag', async () => {
  await writeFile(join(one, 'sub', 'file'), '2')
  git('commit', '-qam', 'second')
  const second = await run()
  expect((await run()).computed).toBe(false)
  git('reset', '-q', '--soft', 'HEAD~1')
  expect((await run()).tag).not.toBe(second.tag)
})

test('a work tree that is linked to another repository is followed', async () => {
  const linked = join(directory, 'linked')
  git('worktree', 'add', '-q', linked)
  one = join(linked, 'pkg', 'one')
  const first = await run()
  expect((await run()).computed).toBe(false)
  execFileSync('git', ['-C', linked, 'rm', '-q', '--cached', 'pkg/one/sub/file'])
  expect((await run()).tag).not.toBe(first.tag)
})

test('a memory that cannot be read or written does no harm', async () => {
  const first = await run()
  await writeFile(join(directory, '.git', 'tags.json'), '{"program"')
  expect(await run()).toEqual({ tag: first.tag, computed: true })
})
