// Applies the winning arm of an experiment to all keys of the cache in every process; and rolls it back.

import type { Asked } from '../agent/requests.ts'
import type { Caller } from '../audit/audit.ts'
import type { Control } from '../control.ts'
import { Problem } from '../http/problem.ts'
import { keepOutcome } from '../operations/kept-outcome.ts'
import type { EndState, OperationView } from '../operations/operations.ts'
import type { ExperimentDocument, ExperimentView } from './document.ts'

type Applied = NonNullable<ExperimentDocument['applied']>
type Change = Applied['change']

const DEADLINE_MS = 10_000

/** What an arm would change for all keys. @throws Problem 422 if that is nothing */
export async function changeOf(
  control: Control,
  { cache_name: cache, plan, kind }: ExperimentView,
  arm: string,
): Promise<Change> {
  const found = plan.arms.find(({ name }) => name === arm)
  if (found === undefined)
    throw new Problem(
      422,
      'unknown_arm',
      `there is no arm ${JSON.stringify(arm)}: there are ${plan.arms.map(({ name }) => name).join(', ')}`,
    )
  const { ttl_seconds, refresh_ahead, memory } = found
  const change: Change =
    kind === 'keys'
      ? { ...(ttl_seconds !== undefined && { ttl_seconds }), ...(refresh_ahead !== undefined && { refresh_ahead }) }
      : {
          ...(memory?.policy !== undefined && { policy: memory.policy }),
          ...(await sizeOf(control, cache, memory?.factor ?? 1)),
        }
  if (Object.keys(change).length === 0)
    throw new Problem(422, 'nothing_to_change', `${arm} is the current setting: there is nothing to apply`)
  return change
}

async function sizeOf(control: Control, cache: string, factor: number): Promise<Change> {
  if (factor === 1) return {}
  const { tiers } = await control.fleet.one(cache, 'describe', null)
  const memory: unknown = Array.isArray(tiers)
    ? tiers.find((tier: unknown) => isRecord(tier) && tier.name === 'memory')
    : undefined
  const { max_entries, max_size_mb } = isRecord(memory) ? memory : {}
  if (typeof max_size_mb === 'number') return { max_bytes: Math.max(1, Math.round(max_size_mb * MEGABYTE * factor)) }
  if (typeof max_entries === 'number') return { max_entries: Math.max(1, Math.round(max_entries * factor)) }
  throw new Problem(422, 'no_size', `the memory of ${cache} has no limit that could be changed`)
}

const MEGABYTE = 1024 * 1024
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** Applies it in every process, as an operation; returns what undoes it. */
export async function carryOut(
  control: Control,
  { cache_name: cache, plan: { namespace }, kind, id }: Pick<ExperimentView, 'cache_name' | 'plan' | 'kind' | 'id'>,
  change: Change,
  asked: { readonly what: string; readonly reason: string | undefined; readonly began: (id: string) => void },
  caller: Caller,
): Promise<{ readonly operation: OperationView; readonly undo: Change }> {
  let undo: Change = {}
  await keepOutcome(control, cache)
  const operation = await control.operations.run(
    {
      kind: 'experiment',
      prefix: 'op',
      caches: [cache],
      request: { experiment: id, what: asked.what, change },
      reason: asked.reason,
    },
    caller,
    async (step) => {
      asked.began(step.id)
      const replies =
        kind === 'keys'
          ? await control.fleet.ask(
              cache,
              'settle',
              { ...(change as Asked<'settle'>), ...(namespace !== undefined && { namespace }) },
              { deadlineMs: DEADLINE_MS },
            )
          : await control.fleet.ask(cache, 'tune', change as Asked<'tune'>, { deadlineMs: DEADLINE_MS })
      const nodes = replies.map(({ id: node, status, error, body }) => ({
        node,
        error: status === 'answered' ? null : (error ?? status),
        changes: body?.changes ?? [],
      }))
      undo = undoOf(nodes.find(({ error, changes }) => error === null && changes.length > 0)?.changes ?? [], change)
      const done = nodes.filter(({ error }) => error === null).length
      const state: EndState = done === nodes.length && done > 0 ? 'completed' : done > 0 ? 'partial' : 'failed'
      return { state, result: { nodes } }
    },
  )
  return { operation, undo }
}

/** The previous values, as the processes report them, by path. */
function undoOf(changes: readonly { readonly setting: string; readonly from: unknown }[], change: Change): Change {
  const from = (name: string): unknown => changes.find(({ setting }) => setting.endsWith(`.${name}`))?.from
  const undo: Record<string, string | number | null> = {}
  for (const name of Object.keys(change)) {
    const before = name === 'max_bytes' ? from('max_size_mb') : from(name)
    if (before === undefined) continue
    if (name === 'max_bytes' && typeof before === 'number') undo[name] = Math.round(before * MEGABYTE)
    else undo[name] = typeof before === 'string' || typeof before === 'number' ? before : null
  }
  return undo
}
