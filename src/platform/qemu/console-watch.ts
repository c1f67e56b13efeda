import { ConsoleText } from './console-text.js'

/** A longer line is looked at in overlapping pieces of this many characters. */
const LONGEST_LINE = 16 * 1024
/** What nobody has waited for yet is kept up to this many characters. */
const LONGEST_BACKLOG = 256 * 1024

interface Waiter {
  readonly pattern: RegExp
  resolve(line: string): void
  reject(error: unknown): void
}

/**
 * Waits for patterns in the output of a console, as expect(1) does. A pattern is matched against single lines, the last of which need not
 * be finished: a prompt is not. Output is looked at once: after a match the next wait begins behind it. Memory is bounded.
 */
export class ConsoleWatch {
  readonly #text = new ConsoleText()
  readonly #waiters = new Set<Waiter>()
  #backlog: string[] = []
  #backlogSize = 0
  #line = ''
  #ended: { readonly error: unknown } | undefined

  /** Takes the next bytes of the console. */
  push(bytes: Uint8Array): void {
    const pieces = this.#text.decode(bytes).split('\n')
    pieces.forEach((piece, index) => {
      this.#append(piece)
      if (index < pieces.length - 1) this.#endLine()
    })
    this.#matchUnfinished()
  }

  /** The console is closed: whoever waits is told why. */
  end(error: unknown): void {
    this.#ended = { error }
    for (const waiter of this.#waiters) waiter.reject(error)
    this.#waiters.clear()
  }

  /**
   * Resolves with the line that matches, as far as it has been written.
   * @throws the reason of the signal; what was given to `end` when the console closes first
   */
  async waitFor(pattern: RegExp, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted()
    // A pattern with the flags g or y would remember where it matched last.
    const plain = new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ''))
    const matched = this.#searchBacklog(plain)
    if (matched !== undefined) return matched
    if (this.#ended !== undefined) throw this.#ended.error
    return this.#wait(plain, signal)
  }

  #wait(pattern: RegExp, signal: AbortSignal | undefined): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      const waiter: Waiter = { pattern, resolve: settle(resolve), reject: settle(reject) }
      const abort = () => waiter.reject(signal?.reason)
      const waiters = this.#waiters
      function settle<T>(next: (value: T) => void): (value: T) => void {
        return (value) => {
          waiters.delete(waiter)
          signal?.removeEventListener('abort', abort)
          next(value)
        }
      }
      waiters.add(waiter)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #append(piece: string): void {
    let rest = piece
    while (this.#line.length + rest.length >= LONGEST_LINE) {
      const taken = LONGEST_LINE - this.#line.length
      this.#line += rest.slice(0, taken)
      rest = rest.slice(taken)
      this.#matchUnfinished()
      this.#line = this.#line.slice(-LONGEST_LINE / 2)
    }
    this.#line += rest
  }

  #endLine(): void {
    this.#matchUnfinished()
    // Who still waits has seen the line; who waits next has not seen what is left of it.
    if (this.#waiters.size === 0) {
      this.#backlog.push(this.#line)
      this.#backlogSize += this.#line.length + 1
      while (this.#backlogSize > LONGEST_BACKLOG) this.#backlogSize -= (this.#backlog.shift() ?? '').length + 1
    }
    this.#line = ''
  }

  #matchUnfinished(): void {
    const line = this.#line
    let consumed = 0
    for (const waiter of this.#waiters) {
      const match = waiter.pattern.exec(line)
      if (match === null) continue
      consumed = Math.max(consumed, match.index + match[0].length)
      waiter.resolve(line)
    }
    this.#line = line.slice(consumed)
  }

  #keep(lines: string[]): void {
    this.#backlog = lines
    this.#backlogSize = lines.reduce((size, line) => size + line.length + 1, 0)
  }

  #searchBacklog(pattern: RegExp): string | undefined {
    const lines = [...this.#backlog, this.#line]
    for (const [index, line] of lines.entries()) {
      const match = pattern.exec(line)
      if (match === null) continue
      const rest = [line.slice(match.index + match[0].length), ...lines.slice(index + 1)]
      this.#line = rest.pop() ?? ''
      this.#keep(rest)
      return line
    }
    this.#keep([])
    return undefined
  }
}
