// Reads without a loader: what memory and the far tiers hold.

import { recordTime } from './call-time.ts'
import { noteRead } from './dependencies.ts'
import { type FarResult, readFar } from './far.ts'
import type { Demand } from './foreign-namespaces.ts'
import type { Found } from './found.ts'
import { PROVISIONAL_MS } from './load-completion.ts'
import { makeReady, newestMark } from './make-ready.ts'
import { countMiss, missReason } from './misses.ts'
import { shown } from './read.ts'
import { freshSlot, hitInCall, staleInMemory } from './read-memory.ts'
import type { Space } from './space.ts'

/**
 * Reads without a loader: what the tiers hold for each key, fresh or stale, in the order of the keys. `takesStale`: a
 * stale value is not a miss for the caller. `isQuiet`: nothing counts, nor is the time recorded.
 */
export async function readTiers(
  space: Space,
  keys: readonly string[],
  demand: Demand,
  takesStale: boolean,
  isQuiet: boolean,
): Promise<(Found | undefined)[]> {
  const call = { began: space.services.clock.monotonic(), isQuiet }
  try {
    const ready = makeReady(space, newestMark(space, keys), demand)
    const isReachable = ready === true || (await ready)
    const refusesCopies = !isReachable && (demand.consistency === 'strong' || demand.after !== undefined)
    const since = space.ledger.view.position
    const found: (Found | undefined)[] = []
    const wanted: number[] = []
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] ?? ''
      const slot = refusesCopies ? -1 : freshSlot(space, key)
      const here =
        slot >= 0
          ? hitInCall(space, slot, key, isQuiet)
          : isReachable || refusesCopies
            ? undefined
            : await provisional(space, key)
      found.push(here)
      if (here === undefined) wanted.push(at)
    }
    if (isReachable && wanted.length > 0) {
      const asked = wanted.length === keys.length ? keys : wanted.map((at) => keys[at] ?? '')
      const far = await readFar(space, asked, false, isQuiet)
      takeOver(space, wanted, far, found, takesStale, isQuiet)
    } else if (!isQuiet) for (const at of wanted) countMiss(space, keys[at] ?? '', 'ledger_unreachable')
    if (space.settings.dependencies === 'tracked') {
      for (const at of wanted) noteRead(space, keys[at] ?? '', found[at]?.tags ?? [], found[at]?.asOf ?? since)
    }
    return found
  } finally {
    recordTime(space, call)
  }
}

/** Puts what the far tiers answered in the places of the keys that were wanted of them. */
function takeOver(
  space: Space,
  wanted: readonly number[],
  far: FarResult,
  found: (Found | undefined)[],
  takesStale: boolean,
  isQuiet: boolean,
): void {
  const now = space.services.clock.now()
  for (let index = 0; index < wanted.length; index++) {
    const key = far.keys[index] ?? ''
    const entry = far.found[index] ?? staleInMemory(space, key, Number.POSITIVE_INFINITY)
    found[wanted[index] ?? 0] = entry
    if (isQuiet || (entry !== undefined && (takesStale || entry.freshUntil > now))) continue
    const gone = missReason(space, key)
    countMiss(space, key, far.causes[index] ?? far.failure ?? gone.cause, gone)
  }
}

/** A value loaded a moment ago while the ledger did not answer. */
async function provisional(space: Space, key: string): Promise<Found | undefined> {
  const load = space.loads.joinable.get(key)
  if (load === undefined || !load.isProvisional || load.isOutdated || load.isOverlapped) return undefined
  if (load.age(space.services.clock) >= PROVISIONAL_MS) return undefined
  const found = await load.result
  space.fence.mark(key, space.ledger)
  return { ...found, value: shown(space, found) }
}
