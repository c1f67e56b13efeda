import { spawn, execFile } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { LinuxkitError } from '../../base/errors.js'
import { exists } from '../../base/files.js'
import { findProgram } from '../programs.js'

/** A running virtiofs daemon: QEMU connects to its socket. */
export interface Share extends AsyncDisposable {
  readonly socket: string
}

const START_LIMIT_MS = 10_000

/** Debian 12 has the daemon beside QEMU's own files; later releases and Fedora put it in /usr/libexec. */
export async function findVirtiofsd(named: string | undefined, qemu: string, searchPath: string | undefined): Promise<string> {
  if (named !== undefined) return findProgram(named, searchPath)
  for (const path of [join(dirname(qemu), '../lib/qemu/virtiofsd'), '/usr/libexec/virtiofsd', '/usr/lib/virtiofsd']) {
    if (await exists(path)) return path
  }
  return findProgram('virtiofsd', searchPath)
}

/** @throws {LinuxkitError} `run/virtiofs` when a directory to be shared is none */
export async function checkShares(directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    const status = await stat(directory).catch(() => undefined)
    if (status?.isDirectory() !== true) throw new LinuxkitError('run/virtiofs', `--virtiofs ${directory}: there is no such directory`)
  }
}

/** QEMU's old daemon, in C, takes `-o source=`; its successor, in Rust, takes `--shared-dir`. */
async function sourceArguments(program: string, directory: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(program, ['--help']).catch(() => ({ stdout: '' }))
  return stdout.includes('--shared-dir') ? ['--shared-dir', directory] : ['-o', `source=${directory}`]
}

async function appears(path: string, signal: AbortSignal): Promise<void> {
  const watcher = watch(dirname(path))
  try {
    for (;;) {
      // Listening begins before looking, so that nothing happens unseen in between.
      const change = once(watcher, 'change', { signal })
      change.catch(() => {})
      if (await exists(path)) return
      await change
    }
  } finally {
    watcher.close()
  }
}

/**
 * Shares a directory with a guest and waits until the daemon listens.
 * @throws {LinuxkitError} `run/virtiofs` when the daemon does not come up
 */
export async function startShare(program: string, directory: string, socket: string, signal: AbortSignal): Promise<Share> {
  await rm(socket, { force: true })
  const source = await sourceArguments(program, directory)
  const daemon = spawn(program, [`--socket-path=${socket}`, ...source], { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(daemon, 'exit').catch(() => [])
  const share: Share = {
    socket,
    async [Symbol.asyncDispose]() {
      daemon.kill('SIGTERM')
      await ended
      await rm(socket, { force: true })
    },
  }
  const waiting = new AbortController()
  try {
    const limit = AbortSignal.any([signal, waiting.signal, AbortSignal.timeout(START_LIMIT_MS)])
    const listens = appears(socket, limit).then(
      () => true,
      () => false,
    )
    if (await Promise.race([listens, ended.then(() => false)])) return share
    signal.throwIfAborted()
    throw new LinuxkitError('run/virtiofs', `${program} does not share ${directory}`, {
      hint: 'its own message stands above; it may need to be run as root',
    })
  } catch (error) {
    await share[Symbol.asyncDispose]()
    throw error
  } finally {
    waiting.abort()
  }
}
