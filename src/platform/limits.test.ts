import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDuration, parseUntil } from './limits.js'

describe('--timeout', () => {
  test.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1000],
    ['250ms', 250],
    ['1us', 1],
    ['2000µs', 2],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })

  test.each(['', '5', 's', '-5s', '5 s', '5s ', '5S', '1d', '0s', '600h', '1h30', 'x5s', '1..5s'])('refuses "%s"', (text) => {
    expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'duration/invalid' }) as Error)
  })

  test('adds up its parts', () => {
    const part = fc.integer({ min: 1, max: 500 })
    fc.assert(
      fc.property(part, part, part, (hours, minutes, seconds) => {
        expect(parseDuration(`${hours}h${minutes}m${seconds}s`)).toBe(((hours * 60 + minutes) * 60 + seconds) * 1000)
      }),
    )
  })
})

describe('--until', () => {
  test('reads a regular expression', () => {
    expect(parseUntil('login: $').test('host login: ')).toBe(true)
  })

  test('explains what is none', () => {
    expect(() => parseUntil('(')).toThrow(expect.objectContaining({ code: 'run/until' }) as Error)
  })
})
