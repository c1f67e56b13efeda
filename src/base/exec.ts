import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { isSystemError, LinuxkitError } from './errors.js'

export interface RunOptions {
  readonly cwd?: string | undefined
  /** Variables that are set in addition to those of this process. */
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
  /** What the program reads from its standard input; nothing by default. */
  readonly input?: string | undefined
}

/**
 * Runs a program without a shell and gives what it printed on standard output.
 * @throws {LinuxkitError} `exec/not-found` when there is no such program, `exec/failed` with the end of its standard error
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const outcome = await runStatus(command, args, options)
  if (outcome.status === 0) return outcome.stdout
  const said = outcome.stderr.trim().split('\n').slice(-20).join('\n')
  const how = typeof outcome.status === 'number' ? `failed with status ${outcome.status}` : `was ended by ${outcome.status}`
  throw new LinuxkitError('exec/failed', `"${[command, ...args].join(' ')}" ${how}${said === '' ? '' : `: ${said}`}`)
}

export interface RunOutcome {
  /** The exit status, or the name of the signal that ended the program. */
  readonly status: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

/**
 * Like {@link run}, for programs whose exit status is an answer.
 * @throws {LinuxkitError} `exec/not-found`
 */
export async function runStatus(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunOutcome> {
  const { cwd, signal } = options
  signal?.throwIfAborted()
  const child = spawn(command, args, { cwd, signal, env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] })
  // A program that ends without reading its input is no reason to fail.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killer) => resolve(code ?? killer ?? 'SIGKILL'))
  })
  try {
    const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
    return { status, stdout, stderr }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) {
      throw new LinuxkitError('exec/not-found', `the program "${command}" is not installed`, { hint: `install ${command}`, cause: error })
    }
    throw error
  }
}
