/**
 * Maps over items with at most `width` at work. The first failure is thrown, after `onFailure` has told the others to stop and they have
 * stopped, so that nothing is still writing afterwards.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item, index: number) => Promise<Result>,
  onFailure: (error: unknown) => void,
): Promise<Result[]> {
  const results: Result[] = []
  const queue = items.entries()
  let failure: { readonly error: unknown } | undefined
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failure !== undefined) return
      try {
        results[index] = await work(item, index)
      } catch (error) {
        if (failure === undefined) {
          failure = { error }
          onFailure(error)
        }
        return
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  if (failure !== undefined) throw failure.error
  return results
}

/**
 * Maps over a stream with at most `width` at work, and gives the results in the order of the items. Whoever stops reading early gets control
 * back when nothing is at work any more.
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  width: number,
  work: (item: Item) => Promise<Result>,
): AsyncIterable<Result> {
  const atWork: Promise<Result>[] = []
  try {
    for await (const item of items) {
      const result = work(item)
      // Awaited in its turn; until then a failure must not count as unhandled.
      result.catch(() => {})
      atWork.push(result)
      const [first] = atWork
      if (atWork.length < width || first === undefined) continue
      yield await first
      void atWork.shift()
    }
    for (const result of atWork) yield await result
  } finally {
    await Promise.allSettled(atWork)
  }
}
