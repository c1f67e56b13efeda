type Bytes = AsyncIterable<Uint8Array>

/**
 * Hands a stream to a reader that may stop before its end, and reads the rest afterwards, so that what verifies the whole stream gets to see all of it.
 * The same when the reader fails: that the stream is damaged explains a failure better than what the reader makes of it.
 */
export async function* through<T>(source: Bytes, reader: (source: Bytes) => AsyncIterable<T>): AsyncIterable<T> {
  const iterator = source[Symbol.asyncIterator]()
  /** A reader that reads ahead may have dropped it in favour of an error of its own. */
  let failure: { readonly error: unknown } | undefined
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    try {
      return await iterator.next()
    } catch (error) {
      // What comes after the first failure follows from it.
      failure ??= { error }
      throw error
    }
  }
  const drain = async (): Promise<void> => {
    while ((await next()).done !== true);
  }
  try {
    try {
      // Without a `return` method the reader cannot close the stream.
      yield* reader({ ...source, [Symbol.asyncIterator]: () => ({ next }) })
    } catch (error) {
      await drain()
      throw failure === undefined ? error : failure.error
    }
    await drain()
  } finally {
    await iterator.return?.()
  }
}
