import { describe, expect, it } from 'vitest'
import { inParallel } from './parallel.js'

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
