import { expect, test } from 'vitest'
import { run, runStatus } from './exec.js'

test('gives what the program prints, in its directory and with its variables', async () => {
  expect(await run('sh', ['-c', 'printf "%s %s" "$PWD" "$WORD"'], { cwd: '/', env: { WORD: 'ä' } })).toBe('/ ä')
})

test('tells what went wrong', async () => {
  await expect(run('sh', ['-c', 'echo out; echo bad >&2; exit 3'])).rejects.toMatchObject({
    code: 'exec/failed',
    message: expect.stringMatching(/failed with status 3: bad$/),
  })
  await expect(run('no-such-program', [])).rejects.toMatchObject({ code: 'exec/not-found' })
  expect(await runStatus('sh', ['-c', 'kill -TERM $$'])).toMatchObject({ status: 'SIGTERM' })
})

test('ends the program when aborted', async () => {
  const controller = new AbortController()
  const outcome = run('sleep', ['1000'], { signal: controller.signal })
  controller.abort()
  await expect(outcome).rejects.toMatchObject({ name: 'AbortError' })
  await expect(run('true', [], { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' })
})
