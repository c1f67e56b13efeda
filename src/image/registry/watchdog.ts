/** Bytes per second below which a connection is as good as dead: a server that sends a byte now and then would otherwise hold a command for ever. */
const SLOWEST = 1024

/** Keeps an eye on one connection. Only the time spent waiting for the other side counts, not that of a slow disk on this one. */
export interface Watchdog extends Disposable {
  /** From now on the other side is waited for. */
  wait(): void
  /** Something came, or was taken. */
  moved(bytes: number): void
}

/**
 * Calls `onStall` once, when hardly a byte moved while the other side was waited for.
 * @param limit milliseconds of waiting; it takes between this and twice as long until a stall is noticed
 */
export function watchdog(limit: number, onStall: () => void): Watchdog {
  const least = (SLOWEST * limit) / 1000
  let since: number | undefined
  let waited = 0
  let moved = 0
  const settle = (): void => {
    if (since !== undefined) waited += performance.now() - since
    since = undefined
  }
  const timer = setTimeout(function check() {
    const waiting = since !== undefined
    settle()
    // Timers may fire a little early.
    if (waited >= limit * 0.95) {
      if (moved < least) {
        onStall()
        return
      }
      waited = 0
      moved = 0
    }
    if (waiting) since = performance.now()
    timer.refresh()
  }, limit)
  return {
    wait() {
      since = performance.now()
    },
    moved(bytes) {
      settle()
      moved += bytes
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
    },
  }
}
