// What an applied change of memory was to bring, and what it has brought: both from shadow caches beside the memory,
// the first with the new setting before the change, the second with the old one after it, on the reads of that time.
import { type WhatIfQuestion, type WhatIfSeen, whatIfOf } from 'millpond/insight'
import { z } from 'zod'
import type { Shown } from '../agent/insight-answers.ts'
import type { Asked } from '../agent/requests.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { Problem } from '../http/problem.ts'
import { askInsight } from './advice.ts'

type MemoryChange = Asked<'tune'>
type Range = Shown['range']

const DAYS = 30
const instant = z.iso.datetime().nullable()

export const effect = z.object({
  hit_ratio_change: z
    .object({ value: z.number(), low: z.number(), high: z.number() })
    .nullable()
    .describe('what the change brings, as a share of all reads, with its 95 % interval; null: see why'),
  hit_ratio: z.number().nullable().describe('of memory in that window: measured'),
  from: instant.describe('of the window that it rests on'),
  to: instant,
  reads: z.number().describe('in that window'),
  nodes: z.number().describe('processes that it rests on'),
  of_nodes: z.number(),
  why: z.string().nullable().describe('why there is no figure'),
})
export type Effect = z.output<typeof effect>

export const noEffect = (why: string): Effect => ({
  hit_ratio_change: null,
  hit_ratio: null,
  from: null,
  to: null,
  reads: 0,
  nodes: 0,
  of_nodes: 0,
  why,
})

/** What a change of one setting would bring on the reads so far. */
export const predictedOf = (control: { readonly fleet: Fleet }, cache: string, change: MemoryChange): Promise<Effect> =>
  effectOf(control, cache, change, () => true)

/** What a change in force brings on the reads since: what its undo would cost. */
export async function realisedOf(
  control: { readonly fleet: Fleet },
  cache: string,
  change: MemoryChange,
  undo: MemoryChange,
): Promise<Effect> {
  const found = await effectOf(control, cache, undo, (said) => isInForce(said, change))
  const cost = found.hit_ratio_change
  // 0 - x: there is no -0 in an answer.
  return {
    ...found,
    hit_ratio_change: cost === null ? null : { value: 0 - cost.value, low: 0 - cost.high, high: 0 - cost.low },
  }
}

/** A process that was started again has the settings of its code. */
const isInForce = ({ capacity, policy }: Shown['sizing'], change: MemoryChange): boolean =>
  (change.policy === undefined || change.policy === policy) &&
  (change.max_entries === undefined || (capacity?.unit === 'entries' && capacity.amount === change.max_entries)) &&
  (change.max_bytes === undefined || (capacity?.unit === 'bytes' && capacity.amount === change.max_bytes))

async function effectOf(
  control: { readonly fleet: Fleet },
  cache: string,
  change: MemoryChange,
  isMeant: (said: Shown['sizing']) => boolean,
): Promise<Effect> {
  const says = await askInsight(control, cache, 'sizing', { days: DAYS }).catch((error: unknown) => {
    if (error instanceof Problem) return error.message
    throw error
  })
  if (typeof says === 'string') return noEffect(says)
  if (says.why !== null) return noEffect(says.why)
  const all = says.nodes.flatMap(({ said }) => (said === null ? [] : [said]))
  const meant = all.filter(isMeant)
  const of_nodes = says.nodes.length
  if (meant.length === 0)
    return { ...noEffect('it is in force in no process: they were started again, or set otherwise in code'), of_nodes }
  const question = questionOf(change)
  const asked = meant.map((said) => ({
    said,
    ...(question === undefined
      ? { change: undefined, why: 'several settings were changed at once: shadows try one at a time' }
      : whatIfOf(seenOf(said), question)),
  }))
  const able = asked.flatMap(({ said, change: told }) => (told === undefined ? [] : [{ said, told }]))
  const base = able.length > 0 ? able.map(({ said }) => said) : meant
  const reads = base.reduce((sum, { evidence }) => sum + evidence.reads, 0)
  const mean = (of: readonly number[]): number =>
    of.reduce((sum, value, at) => sum + (value * (base[at]?.evidence.reads ?? 0)) / reads, 0)
  // Processes see the same keys, so the ends of their intervals are averaged as the values are.
  const end = (of: (told: Range) => number): number => mean(able.map(({ told }) => of(told)))
  return {
    hit_ratio_change:
      able.length === 0
        ? null
        : { value: end(({ value }) => value), low: end(({ low }) => low), high: end(({ high }) => high) },
    hit_ratio: reads === 0 ? null : mean(base.map(({ hit_ratio }) => hit_ratio)),
    from: base.map(({ evidence }) => evidence.from).toSorted()[0] ?? null,
    to:
      base
        .map(({ evidence }) => evidence.to)
        .toSorted()
        .at(-1) ?? null,
    reads,
    nodes: base.length,
    of_nodes,
    why: able.length > 0 ? null : (asked[0]?.why ?? 'not enough data yet'),
  }
}

/** Undefined: more than one setting. */
function questionOf({ max_entries, max_bytes, policy }: MemoryChange): WhatIfQuestion | undefined {
  const settings = [max_entries, max_bytes, policy].filter((value) => value !== undefined)
  return settings.length === 1 ? { maxEntries: max_entries, maxBytes: max_bytes, policy } : undefined
}

/** As before it was converted to JSON. */
export function seenOf({
  evidence: told,
  capacity,
  policy,
  hit_ratio,
  sizes,
  policies,
  ttls,
}: Shown['sizing']): WhatIfSeen {
  return {
    evidence: {
      from: Date.parse(told.from),
      to: Date.parse(told.to),
      reads: told.reads,
      looked: told.looked,
      keys: told.keys,
      keyShare: told.key_share,
      lost: told.lost,
      isEnough: told.is_enough,
      ...(told.why !== null && { why: told.why }),
    },
    ...(capacity !== null && { capacity }),
    ...(policy !== null && { policy }),
    hitRate: hit_ratio,
    sizes: sizes.map(({ factor, size, hit_ratio: hitRate }) => ({ factor, size, hitRate })),
    policies,
    ttls: ttls.map(({ factor, change: told }) => ({ factor: factor ?? Number.POSITIVE_INFINITY, change: told })),
  }
}
