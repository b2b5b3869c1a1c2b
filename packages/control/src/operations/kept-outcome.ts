// What an applied change has brought: as the processes measure it now, or, once they no longer can, as last measured.
import { z } from 'zod'
import { memoryChange } from '../agent/requests.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Store } from '../store/store.ts'
import { changedSince, undoOf } from './memory-changes.ts'
import type { Operations, OperationView } from './operations.ts'
import { type Effect, noEffect, realisedOf } from './outcome.ts'

interface Parts {
  readonly fleet: Fleet
  readonly operations: Operations
  readonly store: Store
}
const asked = z.object({ change: memoryChange })

/** The change that an operation has applied; undefined for other kinds of operations. */
export const changeOf = ({ request }: OperationView): z.output<typeof memoryChange> | undefined =>
  asked.safeParse(request).data?.change

/** What an applied change brings now. */
export async function measuredNow(control: Parts, cache: string, view: OperationView): Promise<Effect> {
  const change = changeOf(view)
  if (change === undefined || (view.state !== 'completed' && view.state !== 'partial'))
    return noEffect(`the operation is ${view.state}`)
  const next = await changedSince(control.store, view)
  if (next !== undefined) return noEffect(`changed again since: by ${next.by} at ${next.at}`)
  const undo = undoOf(view)
  if (undo === undefined) return noEffect('it changed nothing, or the processes had different settings before')
  return realisedOf(control, cache, change, undo)
}

/**
 * Keeps what the last applied change of a cache has brought so far: each minute, and before the next change. So the
 * last figure outlives the change, the processes and the evidence.
 */
export async function keepOutcome(control: Parts, cache: string): Promise<void> {
  const [last] = await control.operations.list({ kind: 'optimize', cache, limit: 1 })
  if (last === undefined) return
  const effect = await measuredNow(control, cache, last.view)
  if (effect.hit_ratio_change !== null) await control.operations.keepOutcome(last.view.id, effect)
}
