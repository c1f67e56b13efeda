import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { createWorkspace } from './fixtures.js'
import { probeKvm, runProbeGuest } from './kvm-probe.js'
import { probeGuest } from './probe-guest.js'

const signal = new AbortController().signal

describe('the probe guest', () => {
  test.each([
    ['amd64', 'qemu-system-x86_64', []],
    ['arm64', 'qemu-system-aarch64', ['-cpu', 'cortex-a57']],
  ] as const)('for %s comes through on a sound processor', async (arch, program, extra) => {
    const guest = probeGuest(arch)
    expect(guest).toBeDefined()
    if (guest === undefined) return
    expect(await runProbeGuest(`/usr/bin/${program}`, guest, ['-accel', 'tcg', ...extra], signal, 50_000)).toEqual({ works: true })
  })
})

describe('probeKvm', () => {
  const arch = 'amd64'

  test('asks no QEMU when there is no device', async () => {
    await using workspace = await createWorkspace()
    const options = { arch, program: workspace.path('none'), memoryPath: workspace.path('memory.json'), signal } as const
    expect(await probeKvm({ ...options, device: workspace.path('kvm') })).toEqual({
      works: false,
      reason: expect.stringContaining('there is no') as string,
    })
  })

  test.each([
    ['ok', 'echo -n ok', { works: true }],
    ['an abort', 'kill -ABRT $$', { works: false, reason: 'QEMU could not run a test guest on it' }],
  ])('remembers %s for this host and this QEMU', async (_, script, verdict) => {
    await using workspace = await createWorkspace()
    await workspace.files({ kvm: '', runs: '' })
    const count = `echo run >> ${workspace.path('runs')}\n${script}`
    const options = {
      arch,
      program: await workspace.program('qemu', count),
      memoryPath: workspace.path('memory.json'),
      signal,
      device: workspace.path('kvm'),
    } as const
    expect(await probeKvm(options)).toEqual(verdict)
    expect(await probeKvm(options)).toEqual(verdict)
    expect(await readFile(workspace.path('runs'), 'utf8')).toBe('run\n')
    await workspace.program('qemu', `${count} # another version`)
    expect(await probeKvm(options)).toEqual(verdict)
    expect(await readFile(workspace.path('runs'), 'utf8')).toBe('run\nrun\n')
  })

  test('gives up on a guest that hangs', async () => {
    await using workspace = await createWorkspace()
    const guest = probeGuest(arch)
    if (guest === undefined) throw new Error('there is a guest for amd64')
    const program = await workspace.program('qemu', 'exec sleep 30')
    expect(await runProbeGuest(program, guest, [], signal, 200)).toEqual({
      works: false,
      reason: 'a test guest did not come through within 0.2 s',
    })
  })

  test('does without a damaged memory', async () => {
    await using workspace = await createWorkspace()
    await workspace.files({ kvm: '', 'memory.json': '{"x":' })
    const program = await workspace.program('qemu', 'echo -n ok')
    expect(await probeKvm({ arch, program, memoryPath: workspace.path('memory.json'), signal, device: workspace.path('kvm') })).toEqual({
      works: true,
    })
  })
})
