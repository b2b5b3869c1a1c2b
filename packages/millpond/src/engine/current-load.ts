// Which load a piece of code runs in, and which load waits for which: so that loading a key from its own loader can be
// distinguished from waiting.
//
// The loads of a batch share one loader call; the first of them leads, and represents all.
import { AsyncLocalStorage } from 'node:async_hooks'
import { MillpondError, show } from '../core/errors.ts'
import type { Load } from './load.ts'
import { atTurnEnd } from './turn-end.ts'

// The storage is disabled when no loader runs: on Node 20 an enabled one makes every await slower. Not before the turn
// is over: switching it costs as much as ten awaits.
const storage = new AsyncLocalStorage<Load>()
let running = 0

/** Some runtimes (workerd) have no such switch, and need none. */
let canSwitchOff = true
function switchOff(): void {
  if (!canSwitchOff) return
  try {
    storage.disable()
  } catch {
    canSwitchOff = false
  }
}

/**
 * Calls a loader inside the load that leads it. `insideEnds` must follow, once, when it has ended or no caller waits
 * for it any more.
 */
export function insideLoad<T>(lead: Load, call: () => T): T {
  running++
  return storage.run(lead, call)
}

export function insideEnded(): void {
  running--
  if (running > 0 || isEnding) return
  isEnding = true
  atTurnEnd(endTurn)
}

let isEnding = false
function endTurn(): void {
  isEnding = false
  if (running === 0) switchOff()
}

/** The load whose loader this code belongs to: for a batch, the leading one. */
export const currentLoad = (): Load | undefined => (running === 0 ? undefined : storage.getStore())

const NO_NOTE = (): void => {}

/**
 * Records that the running loader waits for `target`; returns a function that ends it.
 * @throws MillpondError `LOAD_CYCLE` if `target` waits, directly or indirectly, for the running loader.
 */
export function waitFrom(waiter: Load | undefined, target: Load): () => void {
  if (waiter === undefined) return NO_NOTE
  if (reaches(target.lead, waiter, new Set())) {
    throw new MillpondError(
      'LOAD_CYCLE',
      `loading ${show(target.key)} from inside the loader of ${show(waiter.key)} would wait for itself: load the shared part under another key`,
    )
  }
  const waitsFor = waiter.waitsFor ?? new Set()
  waiter.waitsFor = waitsFor
  waitsFor.add(target)
  return () => waitsFor.delete(target)
}

function reaches(from: Load, to: Load, seen: Set<Load>): boolean {
  if (from === to) return true
  if (seen.has(from)) return false
  seen.add(from)
  for (const next of from.waitsFor ?? []) if (reaches(next.lead, to, seen)) return true
  return false
}
