// Changes of memory in all processes of a cache, as operations of the kind `optimize`; and how one is rolled back.
import type { Asked } from '../agent/requests.ts'
import type { Caller } from '../audit/audit.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { Problem } from '../http/problem.ts'
import type { Store } from '../store/store.ts'
import { keepOutcome } from './kept-outcome.ts'
import { changedSince, undoOf } from './memory-changes.ts'
import type { Operations, OperationView } from './operations.ts'
import { predictedOf } from './outcome.ts'

type MemoryChange = Asked<'tune'>

const DEADLINE_MS = 10_000

/** Changes the memory in every process that answers. Its plan is what the change is predicted to bring. */
export async function changeMemory(
  control: { readonly fleet: Fleet; readonly operations: Operations; readonly store: Store },
  caller: Caller,
  asked: {
    readonly cache: string
    readonly change: MemoryChange
    readonly reason: string | undefined
    readonly began?: (id: string) => void
  },
): Promise<OperationView> {
  const { cache, change, reason, began } = asked
  const { fleet, operations } = control
  const request = { cache_name: cache, change }
  // Afterwards, shadows answer for this change, and no longer for the one before.
  await keepOutcome(control, cache)
  const plan = await predictedOf(control, cache, change)
  const given = { kind: 'optimize', prefix: 'op', caches: [cache], request, plan, reason }
  return operations.run(given, caller, async (step) => {
    began?.(step.id)
    const replies = await fleet.ask(cache, 'tune', change, { deadlineMs: DEADLINE_MS })
    const nodes = replies.map(({ id, status, error, body }) => ({
      node: id,
      error: status === 'answered' ? null : (error ?? status),
      changes: body?.changes ?? [],
    }))
    const done = nodes.filter(({ error }) => error === null).length
    return {
      state: done === nodes.length && done > 0 ? 'completed' : done > 0 ? 'partial' : 'failed',
      result: { nodes },
    }
  })
}

/** @throws Problem 409 if it is not known what to go back to, or if something else has been set since */
export async function undoFor(store: Store, view: OperationView): Promise<MemoryChange> {
  if (view.ended_at === null)
    throw new Problem(409, 'is_running', `operation ${view.id} is ${view.state}: wait for its end`)
  const next = await changedSince(store, view)
  if (next !== undefined)
    throw new Problem(
      409,
      'changed_since',
      `${next.by} changed ${view.caches.join(', ')} again at ${next.at}: rolling back ${view.id} would overwrite that`,
    )
  const undo = undoOf(view)
  if (undo === undefined)
    throw new Problem(
      409,
      'nothing_known',
      `${view.id} changed nothing, or its processes had different settings before: there is nothing to go back to`,
    )
  return undo
}
