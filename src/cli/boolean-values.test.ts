import { Command } from 'commander'
import { expect, it } from 'vitest'
import { withoutBooleanValues } from './boolean-values.js'

it('takes the values of switches for what they say, and leaves all else alone', () => {
  const program = new Command()
  program.option('-q, --quiet')
  program.command('build').option('--pull').option('--no-sbom').option('--name <name>')
  const written = [
    'build',
    '--pull=true',
    '--no-sbom=false',
    '--name=true',
    '-q',
    '--quiet=1',
    '--pull=maybe',
    '--nosuch=true',
    '--',
    '--pull=true',
  ]
  expect(withoutBooleanValues(written, program)).toEqual([
    'build',
    '--pull',
    '--name=true',
    '-q',
    '--quiet',
    '--pull=maybe',
    '--nosuch=true',
    '--',
    '--pull=true',
  ])
})
