// Callbacks at the end of the event-loop turn, sharing one immediate.
import { setImmediate } from 'node:timers'

const due: (() => void)[] = []

/** Calls back when everything that is ready now, and its microtasks, has run. */
export function atTurnEnd(work: () => void): void {
  if (due.push(work) === 1) setImmediate(run)
}

function run(): void {
  for (const work of due.splice(0)) work()
}
