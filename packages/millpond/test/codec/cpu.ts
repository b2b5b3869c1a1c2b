// How much CPU reading may take: judged against what the engine itself needs in the same run, since a machine that others use makes both slower.
import { expect } from 'vitest'

/** Milliseconds, the least of three times: what a collection of garbage adds once is not the work's own. */
async function leastCpu(work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3; round++) {
    const began = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(began)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

/** The largest object that the limits allow: some 60 ms. What is refused has taken .4 of that at most, what is read 1.1. */
const largest = JSON.stringify(Object.fromEntries(Array.from({ length: 99_999 }, (_, i) => [`${i}x`, 1])))
let plain: Promise<number> | undefined

/** `work` takes no more CPU than so many times a plain parse of the largest object. */
export async function expectWithinParses(times: number, work: () => unknown): Promise<void> {
  plain ??= leastCpu(() => JSON.parse(largest))
  const [took, parse] = [await leastCpu(work), await plain]
  expect(took, `${took.toFixed(1)} ms of CPU, where a plain parse takes ${parse.toFixed(1)}`).toBeLessThan(times * parse)
}
