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
