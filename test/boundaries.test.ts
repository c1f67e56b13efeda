import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

describe('the check of the boundaries between the rooms', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'boundaries-'))
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  /** Runs the check over a house of these files and returns what it complains of. */
  async function complaints(files: Readonly<Record<string, string>>): Promise<string> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, name)), { recursive: true })
      await writeFile(join(root, name), text)
    }
    return new Promise((resolve) => {
      execFile(process.execPath, ['scripts/boundaries.mjs', root], (_error, _stdout, stderr) => resolve(stderr))
    })
  }

  it('lets a room import from below', async () => {
    expect(await complaints({ 'base/a.ts': '', 'image/b.ts': "import { a } from '../base/a.js'\n" })).toBe('')
  })

  it('refuses an import from above, be it of a type or at run time', async () => {
    const above = { 'image/b.ts': '' }
    expect(await complaints({ ...above, 'base/a.ts': "import type { B } from '../image/b.js'\n" })).toContain(
      'base must not import from image',
    )
    expect(await complaints({ ...above, 'base/a.ts': "const b = await import('../image/b.js')\n" })).toContain(
      'base must not import from image',
    )
  })

  it('refuses a circle within a room', async () => {
    const files = { 'base/a.ts': "import {\n  b,\n} from './b.js'\n", 'base/b.ts': "export * from './a.js'\n" }
    expect(await complaints(files)).toContain('circle')
  })
})
