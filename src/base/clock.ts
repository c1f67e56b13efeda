/** Milliseconds from some moment on. `performance.now()` would do, but for it Node loads whatever else measures, which takes as long as a tenth of its own start. */
export function milliseconds(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
