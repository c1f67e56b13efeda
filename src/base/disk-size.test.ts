import { describe, expect, it } from 'vitest'
import { parseDiskSize } from './disk-size.js'

describe('parseDiskSize', () => {
  it.each([
    ['1024M', 1024],
    ['2G', 2048],
    ['2', 2048],
    ['', 0],
    ['0', 0],
  ])('%s is %i MiB', (text, size) => expect(parseDiskSize(text)).toBe(size))

  it.each(['1T', '1.5G', 'G', '1024m', 'large', '-5', ' 1G'])('refuses %s', (text) => {
    expect(() => parseDiskSize(text)).toThrow(expect.objectContaining({ code: 'cli/size' }) as Error)
  })
})
