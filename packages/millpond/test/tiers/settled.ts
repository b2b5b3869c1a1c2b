// Work under a fake clock, to its end.
import type { FakeClock } from '../../src/testing/clock.ts'

/** What is under way ends, whatever it waits for: the clock runs until then, ten seconds at most. */
export async function settledBy<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  over.catch(() => {})
  for (let turns = 0; !isOver && turns < 1000; turns++) await clock.run(10)
  return over
}
