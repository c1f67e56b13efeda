import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { bytes, createRenderer } from './progress.js'

/** A stream that looks like standard error and keeps what is written to it. */
function screen(isTTY: boolean): { readonly stream: NodeJS.WriteStream; readonly text: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 60, rows: 10 }) as unknown as NodeJS.WriteStream
  let text = ''
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return { stream, text: () => text }
}

describe('createRenderer', () => {
  it('writes a plain line for each finished task when there is no terminal', () => {
    const { stream, text } = screen(false)
    const { progress } = createRenderer(() => stream, 'normal')
    progress({ type: 'start', id: 'a', title: 'init[0] linuxkit/init' })
    progress({ type: 'advance', id: 'a', done: 1_250_000 })
    progress({ type: 'finish', id: 'a' })
    progress({ type: 'finish', id: 'never started' })
    expect(text()).toBe('init[0] linuxkit/init  1.3 MB\n')
  })

  it('says only warnings when it is to be quiet', () => {
    const { stream, text } = screen(true)
    const { progress } = createRenderer(() => stream, 'quiet')
    progress({ type: 'info', message: 'hello' })
    progress({ type: 'warning', message: 'the mirror is down' })
    expect(text()).toBe('warning: the mirror is down\n')
  })

  it('draws tasks at work on a terminal, within its width, and takes them off again', () => {
    const { stream, text } = screen(true)
    const renderer = createRenderer(() => stream, 'normal')
    renderer.progress({ type: 'start', id: 'a', title: 'x'.repeat(200), total: 10_000 })
    renderer.progress({ type: 'info', message: 'kept' })
    expect(text()).toMatch(/kept\n {2}x+… {2}0 B of 10\.0 kB\n$/)
    for (const line of text().split('\n')) expect(line.length).toBeLessThanOrEqual(60 + '\u001B[1A\u001B[J'.length)
    renderer.close()
    expect(text().endsWith('\u001B[1A\u001B[J')).toBe(true)
  })
})

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [26_600_000, '26.6 MB'],
    [3.9e9, '3.9 GB'],
  ])('%d', (count, text) => expect(bytes(count)).toBe(text))
})
