/** Memory that several workers share: who wants more than is left waits for others to give theirs back, in the order of asking. */
export class ByteBudget {
  readonly #total: number
  #left: number
  #waiting: readonly Waiter[] = []

  /** @param bytes all that there is */
  constructor(bytes: number) {
    this.#total = bytes
    this.#left = bytes
  }

  /** Takes so many bytes, or all there are when that is less. @returns what gives them back; calling it twice does no harm */
  async take(bytes: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    const taken = this.takeNow(bytes)
    if (taken !== undefined) return taken
    const size = Math.min(bytes, this.#total)
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== waiter)
        reject(signal.reason as Error)
      }
      const start = (): void => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      const waiter = { size, start }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting = [...this.#waiting, waiter]
      this.#serve()
    })
    return this.#giverBack(size)
  }

  /** The same without waiting; undefined when it would have to. */
  takeNow(bytes: number): (() => void) | undefined {
    const size = Math.min(bytes, this.#total)
    if (this.#waiting.length > 0 || size > this.#left) return undefined
    this.#left -= size
    return this.#giverBack(size)
  }

  #giverBack(size: number): () => void {
    let taken = true
    return () => {
      if (taken) this.#left += size
      taken = false
      this.#serve()
    }
  }

  #serve(): void {
    for (let first = this.#waiting[0]; first !== undefined && first.size <= this.#left; first = this.#waiting[0]) {
      this.#waiting = this.#waiting.slice(1)
      this.#left -= first.size
      first.start()
    }
  }
}

interface Waiter {
  readonly size: number
  readonly start: () => void
}
