import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { LinuxkitError } from '../../base/errors.js'
import { ConsoleWatch } from './console-watch.js'

/** A program with its arguments. */
export interface Invocation {
  readonly program: string
  readonly arguments: readonly string[]
}

/**
 * Where the serial console goes: `terminal`: to the terminal of this process, both ways; `watched`: input from the terminal, output to
 * this program; `program`: both to this program; `none`: nowhere, the machine has a window.
 */
export type ConsoleMode = 'terminal' | 'watched' | 'program' | 'none'

export interface MachineOptions {
  readonly console: ConsoleMode
  /** Sees the output of the console (modes `watched` and `program`) as it comes; the machine waits while a promise is pending. */
  readonly onOutput?: ((chunk: Uint8Array) => void | Promise<void>) | undefined
  /** Sees the lines of QEMU's own messages (modes `watched` and `program`). */
  readonly onMessage?: ((line: string) => void) | undefined
  /** Stops the machine. */
  readonly signal?: AbortSignal | undefined
  /** Helpers that live as long as the machine. */
  readonly companions?: readonly AsyncDisposable[] | undefined
}

/** How QEMU ended. */
export interface MachineExit {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  /** The end of QEMU's own messages (modes `watched` and `program`), unless `onMessage` saw them. */
  readonly stderr: string
}

const STDIO: Readonly<Record<ConsoleMode, StdioOptions>> = {
  terminal: ['inherit', 'inherit', 'inherit'],
  watched: ['inherit', 'pipe', 'pipe'],
  program: ['pipe', 'pipe', 'pipe'],
  none: ['ignore', 'ignore', 'inherit'],
}

/** How long QEMU may take to write back its disks after SIGTERM. */
const STOP_GRACE_MS = 5000
/** How long pipes may stay open, held by children of QEMU, after it has ended. */
const DRAIN_GRACE_MS = 500
const STDERR_KEPT = 4096

/** A running QEMU. Disposal stops it; no process is left behind. */
export class Machine implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #watch = new ConsoleWatch()
  #stderr = ''
  #running = true
  #stopping = false
  /** Waiting for `onOutput` to take a chunk. */
  #passingOn = false
  #outputError: { readonly error: unknown } | undefined
  /** Settled when the process is gone and all its output has been seen. Rejects only when it could not be started or its output not be passed on. */
  readonly exited: Promise<MachineExit>

  constructor(invocation: Invocation, options: MachineOptions) {
    const child = spawn(invocation.program, invocation.arguments, { stdio: STDIO[options.console] })
    this.#child = child
    // The console is pulled through at the pace of whoever reads it; a guest that is never read from waits.
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
    const drained = Promise.all([this.#pump(options.onOutput), closed])
    this.#listen(options.onMessage)
    // Writing to a machine that has just ended is not an error: `exited` tells.
    child.stdin?.on('error', () => {})
    this.exited = this.#live(invocation.program, drained, options)
    // Whoever is interested awaits it; a rejection must not end the process before.
    this.exited.catch(() => {})
  }

  /** Resolves with the next line that matches. @throws {LinuxkitError} `run/ended` when the machine ends first; the signal's reason */
  waitFor(pattern: RegExp, signal?: AbortSignal): Promise<string> {
    return this.#watch.waitFor(pattern, signal)
  }

  /** Types on the serial console (mode `program`). */
  write(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Ends QEMU, first with SIGTERM, then with SIGKILL, and waits until it is gone. */
  async stop(graceMs = STOP_GRACE_MS): Promise<void> {
    this.#stopping = true
    if (this.#running) this.#child.kill('SIGTERM')
    const force = setTimeout(() => this.#running && this.#child.kill('SIGKILL'), graceMs)
    try {
      await this.exited.catch(() => {})
    } finally {
      clearTimeout(force)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #live(program: string, drained: Promise<unknown>, options: MachineOptions): Promise<MachineExit> {
    const stop = () => void this.stop()
    const kill = () => this.#child.kill('SIGKILL')
    options.signal?.addEventListener('abort', stop, { once: true })
    process.once('exit', kill)
    try {
      if (options.signal?.aborted === true) queueMicrotask(stop)
      const [status, signal] = await once(this.#child, 'exit').catch((error: unknown) => {
        throw new LinuxkitError('run/start', `cannot start ${program}`, { cause: error })
      })
      this.#running = false
      await this.#drain(drained)
      const exit: MachineExit = { status, signal, stderr: this.#stderr.trim() }
      if (this.#outputError !== undefined) throw this.#outputError.error
      this.#watch.end(new LinuxkitError('run/ended', `the machine ended: ${describeExit(exit)}`))
      return exit
    } catch (error) {
      this.#watch.end(error)
      throw error
    } finally {
      this.#running = false
      process.removeListener('exit', kill)
      options.signal?.removeEventListener('abort', stop)
      for (const companion of options.companions ?? []) await companion[Symbol.asyncDispose]()
    }
  }

  #listen(onMessage: MachineOptions['onMessage']): void {
    if (this.#child.stderr === null) return
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      // That it is being stopped is no news.
      if (this.#stopping) return
      if (onMessage === undefined) this.#stderr = `${this.#stderr}\n${line}`.slice(-STDERR_KEPT)
      else onMessage(line)
    })
  }

  /** Waits for the rest of the output, unless a stray child of QEMU holds the pipes open, or nobody takes it and the machine is to stop. */
  async #drain(drained: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const givenUp = new Promise<void>((resolve) => {
      timer = setInterval(() => {
        if (this.#passingOn && !this.#stopping) return
        this.#child.stdout?.destroy()
        this.#child.stderr?.destroy()
        resolve()
      }, DRAIN_GRACE_MS)
    })
    await Promise.race([drained, givenUp])
    clearInterval(timer)
  }

  async #pump(onOutput: MachineOptions['onOutput']): Promise<void> {
    try {
      for await (const chunk of this.#child.stdout ?? []) {
        await this.#passOn(chunk, onOutput)
        this.#watch.push(chunk)
      }
    } catch (error) {
      // A pipe that was cut by #drain is no error.
      if (this.#running) throw error
    }
  }

  async #passOn(chunk: Uint8Array, onOutput: MachineOptions['onOutput']): Promise<void> {
    if (onOutput === undefined || this.#outputError !== undefined) return
    this.#passingOn = true
    try {
      await onOutput(chunk)
    } catch (error) {
      this.#outputError = { error }
      void this.stop()
    } finally {
      this.#passingOn = false
    }
  }
}

/** `QEMU ended with status 1`, and what it said. */
export function describeExit(exit: MachineExit): string {
  const how = exit.signal === null ? `QEMU ended with status ${exit.status}` : `QEMU was ended by ${exit.signal}`
  return exit.stderr === '' ? how : `${how}: ${exit.stderr}`
}

/** Starts QEMU. Use `await using`, so that it cannot outlive the block. */
export function startMachine(invocation: Invocation, options: MachineOptions): Machine {
  return new Machine(invocation, options)
}
