import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

describe('tuneEngine', () => {
  it('uses flags that this version of Node knows', async () => {
    const bundle = await build({ entryPoints: ['src/cli/engine.ts'], bundle: true, platform: 'node', format: 'cjs', write: false })
    const code = `${bundle.outputFiles[0]?.text ?? ''}; tuneEngine(); console.log('tuned')`
    // V8 itself complains of a flag that it does not know, and goes on.
    expect(await promisify(execFile)(process.execPath, ['--eval', code])).toEqual({ stdout: 'tuned\n', stderr: '' })
  })
})
