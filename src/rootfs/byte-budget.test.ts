import { array, assert, asyncProperty, integer } from 'fast-check'
import { expect, test } from 'vitest'
import { ByteBudget } from './byte-budget.js'

const { signal } = new AbortController()

test('no more is taken than there is, and everybody gets a turn', () =>
  assert(
    asyncProperty(array(integer({ min: 0, max: 150 }), { maxLength: 20 }), async (sizes) => {
      const budget = new ByteBudget(100)
      let taken = 0
      const order: number[] = []
      await Promise.all(
        sizes.map(async (size, index) => {
          const release = await budget.take(size, signal)
          order.push(index)
          taken += Math.min(size, 100)
          expect(taken).toBeLessThanOrEqual(100)
          await new Promise(setImmediate)
          taken -= Math.min(size, 100)
          release()
          release()
        }),
      )
      expect(order).toEqual(sizes.map((_, index) => index))
    }),
  ))

test('who no longer wants it does not stand in the way of others', async () => {
  const budget = new ByteBudget(10)
  const release = await budget.take(6, signal)
  const controller = new AbortController()
  const impatient = budget.take(10, controller.signal)
  const next = budget.take(4, signal)
  controller.abort()
  await expect(impatient).rejects.toThrow('abort')
  release()
  await next
  await expect(budget.take(1, controller.signal)).rejects.toThrow('abort')
})
