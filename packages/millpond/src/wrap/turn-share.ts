// Limits how many calls continue in one turn: thousands that have waited for the same answer must not all continue in
// the turn in which it arrives.
//
// Each continues with tens of microseconds of work, so all at once would block the event loop for as many milliseconds
// as there are hundreds of them.
import { setImmediate } from 'node:timers'

/** Calls that continue in one turn. */
export const SHARE = 250

let gone = 0
const waiting: (() => void)[] = []

/** Undefined: continue now. Else resolves in the turn in which there is room, in the order of requests. */
export function shareOfTurn(): Promise<void> | undefined {
  if (gone < SHARE && waiting.length === 0) {
    if (gone++ === 0) setImmediate(next)
    return undefined
  }
  return new Promise((resolve) => waiting.push(resolve))
}

function next(): void {
  const some = waiting.splice(0, SHARE)
  gone = some.length
  if (gone > 0) setImmediate(next)
  for (const go of some) go()
}

/** Does the work for each, so many per turn; the first ones at once. */
export function inShares<T>(items: readonly T[], work: (item: T) => void, from = 0): void {
  for (let at = from; at < Math.min(items.length, from + SHARE); at++) work(items[at] as T)
  if (from + SHARE < items.length) setImmediate(() => inShares(items, work, from + SHARE))
}
