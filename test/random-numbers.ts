/** Numbers below a bound that a seed determines: a linear congruential generator (Numerical Recipes, 7.1 "Quick and Dirty Generators"). */
export function randomNumbers(seed: number): (bound: number) => number {
  let state = seed >>> 0
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}
