// Changes of memory in all processes of a cache, as operations of the kind `optimize`; and how one is rolled back.
import { z } from 'zod'
import type { Asked } from '../agent/requests.ts'
import type { Caller } from '../audit/audit.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { Problem } from '../http/problem.ts'
import type { Store } from '../store/store.ts'
import type { Operations, OperationView } from './operations.ts'
import { predictedOf } from './outcome.ts'

type MemoryChange = Asked<'tune'>

/** What changes the memory of a cache, as the audit log names it. */
export const CHANGES = [
  'optimize',
  'experiment',
  'configuration.create',
  'configuration.update',
  'configuration.delete',
]
const DEADLINE_MS = 10_000
/** In the units of configurations. */
const MEGABYTE = 1024 * 1024

/** Changes the memory in every process that answers. Its plan is what the change is predicted to bring. */
export async function changeMemory(
  control: { readonly fleet: Fleet; readonly operations: Operations },
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

const changed = z.object({
  nodes: z.array(
    z.object({
      error: z.string().nullable(),
      changes: z.array(z.object({ setting: z.string(), from: z.unknown() })),
    }),
  ),
})

/**
 * The settings before an operation, as the processes report them. Undefined if nothing was changed, or if the settings
 * of the processes differed.
 */
export function undoOf({ result }: Pick<OperationView, 'result'>): MemoryChange | undefined {
  const answered = (changed.safeParse(result).data?.nodes ?? []).filter(({ error }) => error === null)
  const rows = answered.flatMap(({ changes }) => changes)
  const before = new Map<string, unknown>()
  for (const { setting, from } of rows) {
    const name = setting.split('.').at(-1) ?? setting
    if (before.has(name) && before.get(name) !== from) return undefined
    before.set(name, from)
  }
  // A process that does not report a setting already had the new one.
  if (rows.length === 0 || rows.length !== before.size * answered.length) return undefined
  const [entries, megabytes, policy] = [before.get('max_entries'), before.get('max_size_mb'), before.get('policy')]
  const undo = {
    ...(typeof entries === 'number' && { max_entries: entries }),
    ...(typeof megabytes === 'number' && { max_bytes: Math.round(megabytes * MEGABYTE) }),
    ...(typeof policy === 'string' && { policy: policy as NonNullable<MemoryChange['policy']> }),
  }
  return Object.keys(undo).length === before.size ? undo : undefined
}

const ofOperation = z.object({ id: z.string() })

/** The first change of the same cache after an operation has ended: by whom, and when. */
export async function changedSince(
  { read }: Store,
  { id, caches: [cache = ''], ended_at }: OperationView,
): Promise<{ readonly by: string; readonly at: string } | undefined> {
  if (ended_at === null) return undefined
  const rows = await read
    .selectFrom('audit')
    .select(['actor', 'at', 'action', 'detail'])
    .where('action', 'in', CHANGES)
    .where('kind', 'in', ['result', 'change'])
    .where('target', '=', cache)
    .where('outcome', '=', 'ok')
    .where('at', '>=', Date.parse(ended_at))
    .orderBy('seq')
    .limit(2)
    .execute()
  const next = rows.find(({ detail }) => ofOperation.safeParse(JSON.parse(detail)).data?.id !== id)
  return next === undefined ? undefined : { by: next.actor, at: new Date(Number(next.at)).toISOString() }
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
