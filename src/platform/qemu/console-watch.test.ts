import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConsoleText } from './console-text.js'
import { ConsoleWatch } from './console-watch.js'

const bytes = (text: string) => Buffer.from(text, 'utf8')

/** Cuts at places that are given as fractions of the length. */
function split(data: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => Math.floor(cut * data.length)), data.length].sort((a, b) => a - b)
  return places.slice(1).map((end, index) => data.subarray(places[index], end))
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
const output = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\u001b[1m',
        '\u001b[0m',
        '\u001b]0;title\u0007',
        '\u001b(B',
        '\u001b[?2004h',
        '\r\n',
        '\n',
        'log',
        'in',
        'login: ',
        'é',
        '€',
        '😀',
        '\u0007',
        '\u001b',
      ),
      fc.string(),
      fc.string({ unit: 'grapheme' }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''))

describe('ConsoleText', () => {
  test('drops escape sequences and control characters', () => {
    const text = new ConsoleText().decode(
      bytes('\u001bc\u001b[?7l\u001b[2J\u001b[0mSea\u001b[1;31mBIOS\u001b]0;x\u001b\\\u001b(B!\u0007\b\t.\r\n'),
    )
    expect(text).toBe('SeaBIOS!\t.\n\n')
  })

  test('gives the same text however the stream is cut', () => {
    fc.assert(
      fc.property(output, cuts, (data, places) => {
        const whole = new ConsoleText().decode(bytes(data))
        const pieces = new ConsoleText()
        expect(
          split(bytes(data), places)
            .map((piece) => pieces.decode(piece))
            .join(''),
        ).toBe(whole)
      }),
    )
  })
})

async function showed(chunks: readonly Buffer[], pattern: RegExp): Promise<boolean> {
  const watch = new ConsoleWatch()
  const found = watch.waitFor(pattern).then(
    () => true,
    () => false,
  )
  for (const chunk of chunks) watch.push(chunk)
  watch.end(new Error('ended'))
  return found
}

describe('ConsoleWatch', () => {
  test('finds the same however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(output, cuts, fc.constantFrom(/login: /, /^log/, /[a-z]{4}/, /é|€/), async (data, places, pattern) => {
        expect(await showed(split(bytes(data), places), pattern)).toBe(await showed([bytes(data)], pattern))
      }),
    )
  })

  test('finds in lines longer than what it keeps, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(60_000), fc.nat(60_000), cuts, async (before, behind, places) => {
        const data = bytes(`${'x'.repeat(before)}needle${'x'.repeat(behind)}`)
        expect(await showed(split(data, places), /needle/)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test('sees a prompt that no newline follows, through its colours', async () => {
    const watch = new ConsoleWatch()
    const prompt = watch.waitFor(/login: $/)
    watch.push(bytes('boot\r\n\u001b[1mhost lo'))
    watch.push(bytes('gin:\u001b[0m '))
    expect(await prompt).toBe('host login: ')
  })

  test('does not find across lines', async () => {
    expect(await showed([bytes('log\nin')], /log.?in/s)).toBe(false)
  })

  test('goes on behind the last match', async () => {
    const watch = new ConsoleWatch()
    watch.push(bytes('one two\nthree\n# '))
    expect(await watch.waitFor(/one/)).toBe('one two')
    expect(await watch.waitFor(/two/)).toBe(' two')
    expect(await watch.waitFor(/# $/)).toBe('# ')
    const next = watch.waitFor(/# $/)
    watch.push(bytes('ls\nfile\n# '))
    expect(await next).toBe('# ')
  })

  test('what follows a match in the same chunk is there for the next wait', async () => {
    const watch = new ConsoleWatch()
    const first = watch.waitFor(/foo/)
    watch.push(bytes('foo bar\nbaz\n'))
    await first
    expect(await watch.waitFor(/bar/)).toBe(' bar')
    expect(await watch.waitFor(/baz/)).toBe('baz')
  })

  test('serves several who wait for different things', async () => {
    const watch = new ConsoleWatch()
    const outcome = Promise.race([watch.waitFor(/login:/), watch.waitFor(/panic/g).then(() => 'panic')])
    watch.push(bytes('Kernel panic - not syncing'))
    expect(await outcome).toBe('panic')
  })

  test('keeps a bounded backlog', async () => {
    const watch = new ConsoleWatch()
    for (let count = 0; count < 100; count++) watch.push(bytes(`${count} ${'x'.repeat(10_000)}\n`))
    expect(await watch.waitFor(/^\d+/)).not.toMatch(/^0 /)
  })

  test('tells who waits that the console ended, or that their time is over', async () => {
    const watch = new ConsoleWatch()
    const controller = new AbortController()
    const limited = watch.waitFor(/x/, controller.signal)
    controller.abort(new Error('late'))
    await expect(limited).rejects.toThrow('late')
    const waiting = watch.waitFor(/x/)
    watch.push(bytes('last words\n'))
    watch.end(new Error('ended'))
    await expect(waiting).rejects.toThrow('ended')
    await expect(watch.waitFor(/x/)).rejects.toThrow('ended')
  })
})
