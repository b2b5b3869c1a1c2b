// What the processes of a cache advise about its size, policy and TTLs: each for itself, and the advice that most of
// the reads agree on.
import type { Answered } from '../agent/answers.ts'
import type { Shown } from '../agent/insight-answers.ts'
import type { Asked, Topic } from '../agent/requests.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { Problem } from '../http/problem.ts'

type Told = 'sizing' | 'analyze' | 'cost' | 'prediction'

export interface NodeAnswer<T> {
  readonly node: string
  readonly error: string | null
  /** `null`: the cache is not watched there, or the node did not answer. */
  readonly said: T | null
}

export type Agreed = Shown['recommendation'] & {
  /** Processes that give this advice, of those that have seen enough. */
  readonly nodes: number
  readonly of_nodes: number
}

const DEADLINE_MS = 5000

/** @throws Problem 501 if no process of the cache is watched, 502 if none answers */
export async function askInsight<T extends Told>(
  control: { readonly fleet: Fleet },
  cache: string,
  topic: T,
  asked: Asked<T>,
): Promise<NodeAnswer<NonNullable<Answered[T]>>[]> {
  const replies = await control.fleet.ask(cache, topic as Topic & T, asked as never, { deadlineMs: DEADLINE_MS })
  const rows = replies.map(({ id, status, error, body }) => ({
    node: id,
    error:
      status === 'answered'
        ? body === null
          ? topic === 'prediction'
            ? NOT_PREDICTED
            : NOT_WATCHED
          : null
        : (error ?? status),
    said: status === 'answered' ? ((body ?? null) as NonNullable<Answered[T]> | null) : null,
  }))
  if (rows.some(({ said }) => said !== null)) return rows
  if (replies.some(({ status }) => status === 'answered'))
    throw new Problem(
      501,
      'not_available',
      topic === 'prediction'
        ? `nothing predicts for ${cache}: use createInsight({ caches, usagePrediction: true }) or predictiveLoading in its process`
        : `no insight watches ${cache}: use createControl({ caches, insight: createInsight({ caches }) }), or attach(cache, { insight }) in its process`,
    )
  throw new Problem(502, 'node_failed', `no process of ${cache} answered: ${rows[0]?.error ?? 'none is running'}`)
}

const NOT_WATCHED = 'insight is not running there'
const NOT_PREDICTED = 'prediction is not running there'

/**
 * Equal advice of several processes is merged, weighted by their reads; a process that has seen enough and does not
 * give it counts against it.
 */
export function agreedOn(rows: readonly NodeAnswer<NonNullable<Answered['analyze']>>[]): Agreed[] {
  const able = rows.flatMap(({ said }) => (said?.evidence.is_enough === true ? [said] : []))
  const reads = able.reduce((sum, { evidence }) => sum + evidence.reads, 0)
  const ids = [...new Set(able.flatMap(({ recommendations }) => recommendations.map(({ id }) => id)))]
  return ids
    .flatMap((id) => {
      const saying = able.flatMap(({ evidence, recommendations }) => {
        const one = recommendations.find((said) => said.id === id)
        return one === undefined ? [] : [{ one, weight: evidence.reads / reads }]
      })
      const [first] = saying.toSorted((a, b) => b.weight - a.weight)
      if (first === undefined) return []
      const mean = (of: (one: Shown['recommendation']) => number): number =>
        saying.reduce((sum, { one, weight }) => sum + weight * of(one), 0)
      const among = saying.reduce((sum, { weight }) => sum + weight, 0)
      return [
        {
          ...first.one,
          impact: Math.round(mean(({ impact }) => impact)),
          hit_ratio_change: {
            value: mean((one) => one.hit_ratio_change.value) / among,
            low: Math.min(...saying.map(({ one }) => one.hit_ratio_change.low)),
            high: Math.max(...saying.map(({ one }) => one.hit_ratio_change.high)),
          },
          nodes: saying.length,
          of_nodes: able.length,
        },
      ]
    })
    .sort((a, b) => b.impact - a.impact)
}
