import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { createWorkspace, type Workspace } from './fixtures.js'
import { startMachine, type Machine, type MachineOptions } from './machine.js'

async function start(workspace: Workspace, script: string, options: Partial<MachineOptions> = {}): Promise<Machine> {
  const program = await workspace.program('qemu', `echo $$ > ${workspace.path('pid')}\n${script}`)
  return startMachine({ program, arguments: [] }, { console: 'program', ...options })
}

async function isAlive(workspace: Workspace): Promise<boolean> {
  const pid = Number(await readFile(workspace.path('pid'), 'utf8'))
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Answers every line until it is told to end. */
const SHELL = 'printf "login: "; while read -r line; do [ "$line" = poweroff ] && exit 0; printf "you typed %s\\n# " "$line"; done'

describe('Machine', () => {
  test('is talked to through its console', async () => {
    await using workspace = await createWorkspace()
    await using machine = await start(workspace, SHELL)
    expect(await machine.waitFor(/login: $/)).toBe('login: ')
    machine.write('root\n')
    expect(await machine.waitFor(/you typed (\w+)/)).toBe('you typed root')
    await machine.waitFor(/# $/)
    machine.write('poweroff\n')
    expect(await machine.exited).toEqual({ status: 0, signal: null, stderr: '' })
  })

  test('tells who waits how it ended', async () => {
    await using workspace = await createWorkspace()
    await using machine = await start(workspace, 'echo booting; echo "no such device" >&2; exit 3')
    await expect(machine.waitFor(/login/)).rejects.toMatchObject({
      code: 'run/ended',
      message: expect.stringContaining('status 3: no such device') as string,
    })
    expect(await machine.exited).toEqual({ status: 3, signal: null, stderr: 'no such device' })
  })

  test('is gone when disposed of', async () => {
    await using workspace = await createWorkspace()
    {
      await using machine = await start(workspace, SHELL)
      await machine.waitFor(/login/)
      expect(await isAlive(workspace)).toBe(true)
    }
    expect(await isAlive(workspace)).toBe(false)
  })

  test('is killed when it does not listen to SIGTERM', async () => {
    await using workspace = await createWorkspace()
    await using machine = await start(workspace, `trap '' TERM; ${SHELL}`)
    await machine.waitFor(/login/)
    await machine.stop(50)
    expect((await machine.exited).signal).toBe('SIGKILL')
    expect(await isAlive(workspace)).toBe(false)
  })

  test('does not hang on a stray child that holds the console open', async () => {
    await using workspace = await createWorkspace()
    await using machine = await start(workspace, `sleep 30 & echo $! > ${workspace.path('stray')}; echo done`)
    await machine.waitFor(/done/)
    try {
      expect((await machine.exited).status).toBe(0)
    } finally {
      process.kill(Number(await readFile(workspace.path('stray'), 'utf8')))
    }
  })

  test('stops at the signal, also when nobody takes its output', async () => {
    await using workspace = await createWorkspace()
    const controller = new AbortController()
    const onOutput = () => {
      controller.abort()
      return new Promise<void>(() => {})
    }
    await using machine = await start(workspace, `trap 'exit 7' TERM; ${SHELL}`, { signal: controller.signal, onOutput })
    await machine.exited
    expect(await isAlive(workspace)).toBe(false)
  })

  test('does not start when the signal has been given before', async () => {
    await using workspace = await createWorkspace()
    await using machine = await start(workspace, 'sleep 30 & wait', { signal: AbortSignal.abort() })
    expect((await machine.exited).signal).toBe('SIGTERM')
  })

  test('passes on all of the output, and stops when it cannot be passed on', async () => {
    await using workspace = await createWorkspace()
    const chunks: Uint8Array[] = []
    await using whole = await start(workspace, 'head -c 300000 /dev/zero', { onOutput: (chunk) => void chunks.push(chunk) })
    await whole.exited
    expect(Buffer.concat(chunks)).toHaveLength(300_000)
    const onOutput = () => Promise.reject(new Error('nobody reads'))
    await using unread = await start(workspace, SHELL, { onOutput })
    await expect(unread.exited).rejects.toThrow('nobody reads')
    await expect(unread.waitFor(/x/)).rejects.toThrow('nobody reads')
  })

  test('disposes of its companions when it ends', async () => {
    await using workspace = await createWorkspace()
    let disposed = 0
    const companion = { [Symbol.asyncDispose]: () => Promise.resolve(void disposed++) }
    await using machine = await start(workspace, 'exit 0', { companions: [companion] })
    await machine.exited
    expect(disposed).toBe(1)
  })

  test('says that a program cannot be started', async () => {
    await using workspace = await createWorkspace()
    await using machine = startMachine({ program: workspace.path('none'), arguments: [] }, { console: 'program' })
    await expect(machine.exited).rejects.toMatchObject({ code: 'run/start' })
    await expect(machine.waitFor(/x/)).rejects.toMatchObject({ code: 'run/start' })
  })
})
