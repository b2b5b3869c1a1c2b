// Which load a piece of code runs in, and who waits for whom: so that loading a key from its own loader can be told
// from waiting.
//
// The loads of a batch share one loader call; the first of them leads, and stands for all.
import { AsyncLocalStorage } from 'node:async_hooks'
import { MillpondError, show } from '../core/errors.ts'
import type { Load } from './load.ts'
import { atTurnEnd } from './turn-end.ts'

// The storage is switched off when no loader runs: on Node 20 an enabled one makes every await slower. Not before the
// turn is over: to switch it costs as much as ten awaits do.
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
 * Calls a loader inside the load that leads it. `insideEnds` must follow, once, when it has ended or nobody waits for
 * it any more.
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

/** The load whose loader this code belongs to: of a batch, the one that leads. */
export const currentLoad = (): Load | undefined => (running === 0 ? undefined : storage.getStore())

const NO_NOTE = (): void => {}

/**
 * Notes that the running loader waits for `target`; returns how to end the note.
 * @throws MillpondError `LOAD_CYCLE` when `target` waits, directly or not, for the running loader.
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
