import { describe, expect, it } from 'vitest'
import { inOrder, inParallel } from './parallel.js'

describe('inParallel', () => {
  it('keeps the order of the items and never exceeds the width', async () => {
    let atWork = 0
    let most = 0
    const results = await inParallel(
      [5, 1, 4, 2, 3],
      2,
      async (item) => {
        atWork += 1
        most = Math.max(most, atWork)
        for (let turn = 0; turn < item; turn++) await Promise.resolve()
        atWork -= 1
        return item * 10
      },
      () => {},
    )
    expect(results).toEqual([50, 10, 40, 20, 30])
    expect(most).toBe(2)
  })

  it('throws the first failure, starts nothing after it, and waits for what is at work', async () => {
    const started: number[] = []
    const ended: number[] = []
    let told: unknown
    let stop = (): void => {}
    const stopped = new Promise<void>((resolve) => {
      stop = resolve
    })
    const work = async (item: number): Promise<void> => {
      started.push(item)
      if (item === 1) throw new Error('first')
      await stopped
      ended.push(item)
    }
    const result = inParallel([0, 1, 2, 3], 2, work, (error) => {
      told = error
      stop()
    })
    await expect(result).rejects.toThrow('first')
    expect(told).toBeInstanceOf(Error)
    expect(started).toEqual([0, 1])
    expect(ended).toEqual([0])
  })
})

describe('inOrder', () => {
  const after = async (turns: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
  }

  it('gives results in the order of the items, with never more than the width at work', async () => {
    let atWork = 0
    let most = 0
    const results: number[] = []
    const work = async (item: number): Promise<number> => {
      most = Math.max(most, ++atWork)
      await after(item * 10)
      atWork -= 1
      return item
    }
    for await (const result of inOrder([5, 1, 4, 2, 3], 3, work)) results.push(result)
    expect(results).toEqual([5, 1, 4, 2, 3])
    expect(most).toBe(3)
  })

  it('throws the first failure when what is at work has ended', async () => {
    const ended: number[] = []
    const work = async (item: number): Promise<number> => {
      await after(item)
      ended.push(item)
      if (item === 1) throw new Error('no')
      return item
    }
    const read = async (): Promise<void> => {
      for await (const result of inOrder([1, 30, 60, 90], 3, work)) ended.push(-result)
    }
    await expect(read()).rejects.toThrow('no')
    expect(ended).toEqual([1, 30, 60])
  })
})
