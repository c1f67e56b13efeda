import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { LinuxkitError, LinuxkitErrors } from '../base/errors.js'
import { reportError } from './report.js'

describe('reportError', () => {
  it('shows message, place with a caret, and hint', () => {
    const error = new LinuxkitError('config/unknown-key', 'services[0].imgae: unknown key "imgae"', {
      where: { file: 'linuxkit.yml', line: 12, column: 5, text: '    imgae: nginx' },
      hint: 'did you mean "image"?',
    })
    expect(reportError(error, false)).toEqual({
      exitCode: 1,
      text: [
        'Error: services[0].imgae: unknown key "imgae"',
        '  --> linuxkit.yml:12:5',
        '12 |     imgae: nginx',
        '   |     ^',
        'hint: did you mean "image"?',
      ].join('\n'),
    })
  })

  it('puts the caret under a column behind a tab', () => {
    const error = new LinuxkitError('x', 'wrong', { where: { file: 'f', line: 1, column: 3, text: '\ta b' } })
    expect(reportError(error, false).text).toContain('1 | \ta b\n  | \t ^')
  })

  it('shows all of several problems', () => {
    const errors = new LinuxkitErrors('x', 'two problems', [new LinuxkitError('x', 'first'), new LinuxkitError('x', 'second')])
    expect(reportError(errors, false).text).toBe('Error: first\n\nError: second')
  })

  it('speaks of files as users do', async () => {
    const error: unknown = await readFile('/no/such/file').catch((thrown: unknown) => thrown)
    expect(reportError(error, false)).toEqual({ exitCode: 1, text: 'Error: /no/such/file: no such file or directory' })
  })

  it('tells an interruption from a failure, also when it is only the cause', () => {
    const aborted = AbortSignal.abort().reason as Error
    expect(reportError(aborted, false).exitCode).toBe(130)
    expect(reportError(new Error('fetch failed', { cause: aborted }), false).exitCode).toBe(130)
  })

  it('calls anything else a defect, with its stack', () => {
    const report = reportError(new TypeError('x is undefined'), false)
    expect(report.exitCode).toBe(70)
    expect(report.text).toContain('report it')
    expect(report.text).toContain('report.test.ts')
  })
})
