import { describe, expect, test } from 'vitest'
import { hostArch } from '../../base/arch.js'
import { createWorkspace } from './fixtures.js'
import { parseQemuFlags, type QemuFlags } from './options.js'

const defaults: QemuFlags = { cpus: '1', mem: '1024', networking: 'user' }

function parse(flags: Partial<QemuFlags>) {
  return parseQemuFlags('img', { ...defaults, ...flags })
}

describe('parseQemuFlags', () => {
  test('has the defaults of LinuxKit', async () => {
    expect(await parse({})).toMatchObject({
      path: 'img',
      cpus: 1,
      memory: 1024,
      arch: hostArch(),
      networking: { mode: 'user', publish: [] },
    })
    expect((await parse({ state: '', data: '', fw: '' })).stateDirectory).toBeUndefined()
  })

  test.each([
    ['aarch64', 'arm64'],
    ['arm64', 'arm64'],
    ['x86_64', 'amd64'],
    ['riscv64', 'riscv64'],
  ])('takes %s for %s', async (text, arch) => {
    expect((await parse({ arch: text })).arch).toBe(arch)
  })

  test('reads user data from a file', async () => {
    await using workspace = await createWorkspace()
    await workspace.files({ data: 'hello' })
    expect((await parse({ dataFile: workspace.path('data') })).userData?.toString()).toBe('hello')
    await expect(parse({ dataFile: workspace.path('none') })).rejects.toMatchObject({ code: 'run/data' })
  })

  test('keeps an accelerator that is asked for, also an empty one', async () => {
    expect((await parse({ accel: '' })).accelerator).toBe('')
    expect((await parse({})).accelerator).toBeUndefined()
  })

  test.each<[Partial<QemuFlags>, string]>([
    [{ detached: true }, 'run/detached'],
    [{ cpus: '0' }, 'run/number'],
    [{ mem: '1G' }, 'run/number'],
    [{ data: 'a', dataFile: 'b' }, 'run/data'],
    [{ kernel: true, iso: true }, 'run/boot-kind'],
    [{ arch: 'vax' }, 'arch/unknown'],
    [{ publish: ['80'] }, 'run/publish'],
    [{ disk: ['size=1T'] }, 'run/disk'],
    [{ networking: 'nat' }, 'run/networking'],
  ])('refuses %j', async (flags, code) => {
    await expect(parse(flags)).rejects.toMatchObject({ code })
  })
})
