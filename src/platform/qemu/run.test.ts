import { execFileSync } from 'node:child_process'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { exists } from '../../base/files.js'
import { createWorkspace, type Workspace } from './fixtures.js'
import type { MachineExit } from './machine.js'
import type { QemuOptions } from './options.js'
import { runQemu, startQemu, type RunLimits } from './run.js'

const IMAGE = { 'img-kernel': 'k', 'img-initrd.img': 'i', 'img-cmdline': 'console=ttyS0' }

const error = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as string }) as Error

/** Runs a QEMU that writes down its arguments and ends. */
async function argumentsOf(workspace: Workspace, options: Partial<QemuOptions>): Promise<string[]> {
  await workspace.program('qemu-system-x86_64', `printf '%s\\n' "$@" > ${workspace.path('argv')}`)
  await using machine = await startQemu({ path: workspace.path('img'), ...options }, workspace.environment(), { console: 'program' })
  const exit: MachineExit = await machine.exited
  expect(exit.status).toBe(0)
  return (await readFile(workspace.path('argv'), 'utf8')).trimEnd().split('\n')
}

/** A boot record with one partition of a type, and nothing else. */
function diskWithPartition(type: number, code: string): Buffer {
  const disk = Buffer.alloc(1 << 20)
  disk.write(code)
  disk[446 + 4] = type
  disk.writeUInt16LE(0xaa55, 510)
  return disk
}
const efiOnlyDisk = () => diskWithPartition(0xef, '')
const biosDisk = () => diskWithPartition(0x0c, 'code')

describe('startQemu', () => {
  test("creates what is the machine's own and keeps it for the next run", async () => {
    await using workspace = await createWorkspace()
    await workspace.files(IMAGE)
    await workspace.program('qemu-img', 'exec /usr/bin/qemu-img "$@"')
    const options = { userData: Buffer.from('hello'), disks: [{ sizeMiB: 8 }] }
    const first = await argumentsOf(workspace, options)
    const state = workspace.path('img-state')
    expect(first).toContain(`file=${state}/disk.img,format=qcow2,index=0,media=disk`)
    expect(first).toContain(`${state}/data.iso`)
    expect(JSON.parse(execFileSync('qemu-img', ['info', '--output=json', `${state}/disk.img`], { encoding: 'utf8' }))).toMatchObject({
      format: 'qcow2',
      'virtual-size': 8 << 20,
    })
    const address = await readFile(`${state}/mac-addr`, 'utf8')
    expect(address).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/)
    expect((await stat(`${state}/mac-addr`)).mode & 0o777).toBe(0o640)
    expect(first).toContain(`virtio-net-pci,netdev=t0,mac=${address}`)

    const disk = await stat(`${state}/disk.img`)
    const second = await argumentsOf(workspace, { ...options, userData: Buffer.alloc(10) })
    expect(second).toContain(`virtio-net-pci,netdev=t0,mac=${address}`)
    expect((await stat(`${state}/disk.img`)).mtimeMs).toBe(disk.mtimeMs)
    expect(second[second.indexOf('-uuid') + 1]).not.toBe(first[first.indexOf('-uuid') + 1])
  })

  test('boots what the path names, by its bytes and not by its name', async () => {
    await using workspace = await createWorkspace()
    const cd = Buffer.alloc(17 * 2048)
    cd.write('CD001', 16 * 2048 + 1)
    await workspace.files({ ...IMAGE, 'x.iso': cd, 'x.img': cd, 'x.disk': 'whatever' })
    await workspace.files({ 'sq-kernel': '', 'sq-squashfs.img': '', 'sq-initrd.img': '', 'sq-cmdline': 'quiet' })
    await workspace.files({ 'ro-kernel': '', 'ro-erofs.img': '', 'ro-erofs-initrd.img': '', 'ro-initrd.img': '', 'ro-cmdline': '' })
    await workspace.files({ 'cd-kernel': '', 'cd.iso': cd, 'cd-cmdline': '' })
    await mkdir(workspace.path('img'))
    const boot = (name: string, options: Partial<QemuOptions> = {}) => argumentsOf(workspace, { path: workspace.path(name), ...options })
    expect(await boot('img')).toContain(workspace.path('img-initrd.img'))
    for (const name of ['x.iso', 'x.img']) {
      expect(await boot(name)).toEqual(expect.arrayContaining(['-boot', 'd', '-cdrom', workspace.path(name)]))
    }
    expect(await exists(workspace.path('x-state'))).toBe(true)
    expect(await boot('x.disk')).toContain(`file=${workspace.path('x.disk')},if=none,id=boot`)
    expect(await boot('sq')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^quiet root=\/dev\/vda( no_timer_check)?$/),
        `file=${workspace.path('sq-squashfs.img')},format=raw,readonly=on,if=none,id=boot`,
      ]),
    )
    expect(await boot('sq', { kind: 'kernel' })).toContain(workspace.path('sq-initrd.img'))
    expect(await boot('ro')).toEqual(
      expect.arrayContaining([
        `file=${workspace.path('ro-erofs.img')},format=raw,readonly=on,if=none,id=boot`,
        workspace.path('ro-erofs-initrd.img'),
      ]),
    )
    expect(await boot('cd')).toContain(`file=${workspace.path('cd.iso')},format=raw,readonly=on,if=none,id=boot`)
    await expect(boot('sq', { kind: 'erofs' })).rejects.toMatchObject({ code: 'run/no-image' })
  })

  test('copies the variables of the firmware, and never hands out the original for writing', async () => {
    await using workspace = await createWorkspace()
    await workspace.files({ ...IMAGE, 'OVMF_CODE.fd': 'code', 'OVMF_VARS.fd': 'variables', 'bios.bin': 'both' })
    const state = workspace.path('img-state')
    const split = await argumentsOf(workspace, { uefi: true, firmware: workspace.path('OVMF_CODE.fd') })
    expect(split).toContain(`if=pflash,format=raw,unit=0,readonly=on,file=${workspace.path('OVMF_CODE.fd')}`)
    expect(split).toContain(`if=pflash,format=raw,unit=1,file=${state}/efi-vars.fd`)
    await writeFile(`${state}/efi-vars.fd`, 'boot entries of this machine')
    await argumentsOf(workspace, { uefi: true, firmware: workspace.path('OVMF_CODE.fd') })
    expect(await readFile(`${state}/efi-vars.fd`, 'utf8')).toBe('boot entries of this machine')
    const combined = await argumentsOf(workspace, { uefi: true, firmware: workspace.path('bios.bin') })
    expect(combined).toContain(`if=pflash,format=raw,file=${state}/firmware.fd`)
  })

  test('has UEFI firmware where there is no other way to boot, whatever the format', async () => {
    await using workspace = await createWorkspace()
    await workspace.program('qemu-img', 'exec /usr/bin/qemu-img "$@"')
    await workspace.files({ 'OVMF_CODE.fd': 'code', 'OVMF_VARS.fd': 'variables', 'efi.img': efiOnlyDisk(), 'bios.img': biosDisk() })
    const script = `cd ${workspace.directory} && cp efi.img disk.raw && tar -czf efi.img.tar.gz disk.raw
for name in efi bios; do qemu-img convert -f raw -O qcow2 -c $name.img $name.qcow2; qemu-img convert -f raw -O vmdk -o subformat=streamOptimized $name.img $name.vmdk; done`
    execFileSync('sh', ['-c', script])
    const boot = async (name: string) =>
      (await argumentsOf(workspace, { path: workspace.path(name), firmware: workspace.path('OVMF_CODE.fd') })).join(' ')
    for (const name of ['efi.img', 'efi.qcow2', 'efi.vmdk', 'efi.img.tar.gz']) expect(await boot(name)).toContain('if=pflash')
    for (const name of ['bios.img', 'bios.qcow2', 'bios.vmdk']) expect(await boot(name)).not.toContain('if=pflash')
    expect(await boot('bios.vmdk')).toContain(`file=${workspace.path('bios.vmdk')},format=vmdk,if=none,id=boot`)
    expect(await boot('efi.img.tar.gz')).toContain(`file=${workspace.path('efi.img.tar.gz-state')}/disk.raw,format=raw,if=none,id=boot`)
  })

  test('shares directories through daemons that end with the machine', async () => {
    await using workspace = await createWorkspace()
    await workspace.files(IMAGE)
    const daemon = await workspace.program(
      'virtiofsd',
      `[ "$1" = --help ] && exit 0; echo "$@" > ${workspace.path('daemon')}; echo $$ > ${workspace.path('pid')}; touch "\${1#--socket-path=}"; exec sleep 30`,
    )
    const argv = await argumentsOf(workspace, { shares: [workspace.directory], virtiofsd: daemon, memory: 64 })
    const socket = workspace.path('img-state/virtiofs0')
    expect(argv.slice(-8)).toContain(`socket,id=char0,path=${socket}`)
    expect(await readFile(workspace.path('daemon'), 'utf8')).toBe(`--socket-path=${socket} -o source=${workspace.directory}\n`)
    const pid = Number(await readFile(workspace.path('pid'), 'utf8'))
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    const broken = await workspace.program('broken', 'exit 1')
    await expect(argumentsOf(workspace, { shares: [workspace.directory], virtiofsd: broken })).rejects.toThrow(error('run/virtiofs'))
  })

  test.each<[string, Partial<QemuOptions>, string, string]>([
    ['no image', { path: '/nonexistent/image' }, 'run/no-image', '/nonexistent/image-kernel'],
    ['no disk', { disks: [{ path: '/nonexistent/disk' }] }, 'run/disk', 'no size'],
    ['no QEMU', { arch: 'arm64' }, 'program/missing', 'qemu-system-aarch64'],
    ['no qemu-img', { disks: [{ sizeMiB: 1 }] }, 'program/missing', 'qemu-img'],
    ['no firmware', { uefi: true, firmware: '/nonexistent/fw' }, 'run/firmware', '/nonexistent/fw'],
    ['no shared directory', { shares: ['/nonexistent'], virtiofsd: '/bin/true' }, 'run/virtiofs', '/nonexistent'],
  ])('creates nothing when there is %s', async (_, options, code, message) => {
    await using workspace = await createWorkspace()
    await workspace.files(IMAGE)
    await expect(argumentsOf(workspace, options)).rejects.toThrow(error(code, message))
    expect(await exists(workspace.path('img-state'))).toBe(false)
  })

  test('points at files of a similar name', async () => {
    await using workspace = await createWorkspace()
    await workspace.files(IMAGE)
    await expect(argumentsOf(workspace, { path: workspace.path('imgg') })).rejects.toMatchObject({
      hint: expect.stringContaining('img-kernel') as string,
    })
  })
})

describe('runQemu', () => {
  async function run(workspace: Workspace, script: string, limits: Partial<RunLimits>, signal?: AbortSignal): Promise<string> {
    await workspace.files(IMAGE)
    await workspace.program('qemu-system-x86_64', script)
    let shown = ''
    const output = async (chunk: Uint8Array) => void (shown += Buffer.from(chunk).toString())
    await runQemu({ path: workspace.path('img') }, { output, ...limits }, workspace.environment(signal))
    return shown
  }
  const prompt = 'printf "booting\\nhost login: "; exec sleep 30'

  test('ends with success when the console shows what is waited for', async () => {
    await using workspace = await createWorkspace()
    expect(await run(workspace, prompt, { until: /login: $/, timeoutMs: 20_000 })).toBe('booting\nhost login: ')
  })

  test('fails when the console does not show it in time', async () => {
    await using workspace = await createWorkspace()
    await expect(run(workspace, prompt, { until: /never/, timeoutMs: 300 })).rejects.toThrow(
      error('run/timeout', 'the console did not show /never/ within 0.3s'),
    )
  })

  test('fails when the machine ends before, even if it ends well', async () => {
    await using workspace = await createWorkspace()
    await expect(run(workspace, 'echo bye', { until: /login/ })).rejects.toThrow(
      error('run/ended', 'before the console showed /login/: QEMU ended with status 0'),
    )
  })

  test('without a pattern the time limit alone counts', async () => {
    await using workspace = await createWorkspace()
    await expect(run(workspace, 'exec sleep 30', { timeoutMs: 100 })).rejects.toThrow(
      error('run/timeout', 'the machine did not end within 0.1s'),
    )
    await run(workspace, 'exit 0', { timeoutMs: 20_000 })
  })

  test('reports the status of QEMU', async () => {
    await using workspace = await createWorkspace()
    await expect(run(workspace, 'exit 4', {})).rejects.toThrow(error('run/qemu', 'status 4'))
    await expect(run(workspace, 'kill -9 $$', {})).rejects.toThrow(error('run/qemu', 'SIGKILL'))
  })

  test('is interrupted by the signal', async () => {
    await using workspace = await createWorkspace()
    const controller = new AbortController()
    const output = async () => controller.abort()
    await expect(run(workspace, prompt, { until: /never/, output }, controller.signal)).rejects.toMatchObject({ name: 'AbortError' })
  })
})
