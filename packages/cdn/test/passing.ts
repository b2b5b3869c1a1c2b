// Lets the test's clock run while work waits for it, with room for real sockets in between.
import type { FakeClock } from 'millpond/testing'

export async function passing<T>(clock: FakeClock, work: Promise<T>, stepMs: number): Promise<T> {
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  over.catch(() => {})
  while (!isOver) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (!isOver && clock.pending > 0) await clock.run(stepMs)
  }
  return over
}
