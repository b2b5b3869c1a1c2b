// How much CPU reading may take: judged against what the engine itself needs in the same run, since a machine that
// others use makes both slower.
import { expect } from 'vitest'

/**
 * The largest object that the limits allow: some 60 ms. What is refused has taken .4 of that at most, what is read 1.1.
 */
const largest = JSON.stringify(Object.fromEntries(Array.from({ length: 99_999 }, (_, i) => [`${i}x`, 1])))
/**
 * Noise only adds, so that the least of several times is what the work itself takes; a collection of garbage alone can
 * take as long as it.
 */
const ROUNDS = 7
const FIRST_PARSES = 3

const parses: number[] = []

/**
 * `work` takes no more CPU than so many times a plain parse of the largest object, each at its least, measured in
 * turns.
 */
export async function expectWithinParses(times: number, work: () => unknown): Promise<void> {
  while (parses.length < FIRST_PARSES) parses.push(await cpuOf(() => JSON.parse(largest)))
  let [took, parse] = [await cpuOf(work), Math.min(...parses)]
  for (let round = 1; round < ROUNDS && took >= times * parse; round++) {
    parses.push(await cpuOf(() => JSON.parse(largest)))
    took = Math.min(took, await cpuOf(work))
    parse = Math.min(...parses)
  }
  expect(took, `${took.toFixed(1)} ms of CPU, where a plain parse takes ${parse.toFixed(1)}`).toBeLessThan(
    times * parse,
  )
}

/** Milliseconds. */
async function cpuOf(work: () => unknown): Promise<number> {
  const began = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}
