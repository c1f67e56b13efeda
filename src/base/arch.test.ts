import { describe, expect, it } from 'vitest'
import { hostArch, parseArch } from './arch.js'

describe('parseArch', () => {
  it.each([
    ['amd64', 'amd64'],
    ['x86_64', 'amd64'],
    ['aarch64', 'arm64'],
    ['riscv64', 'riscv64'],
  ])('%s is %s', (text, arch) => expect(parseArch(text)).toBe(arch))

  it.each(['sparc', '', 'AMD64', 'constructor', 'linux/amd64'])('refuses "%s"', (text) => {
    expect(() => parseArch(text)).toThrow(expect.objectContaining({ code: 'arch/unknown' }) as Error)
  })

  it('knows the architecture of this machine', () => {
    expect(parseArch(hostArch())).toBe(hostArch())
  })
})
