// What the processes of a cache advise about its size, policy and TTLs: each for itself, and the advice that most of
// the reads agree on.
import type { Answered } from '../agent/answers.ts'
import type { Shown } from '../agent/insight-answers.ts'
import type { Asked, Topic } from '../agent/requests.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { Problem } from '../http/problem.ts'

type InsightTopic = 'sizing' | 'analyze' | 'cost' | 'prediction' | 'freshness'

export interface NodeAnswer<T> {
  readonly node: string
  readonly error: string | null
  /** `null`: that part is not on there, or it did not answer. */
  readonly said: T | null
}

/** What the processes of a cache say. */
export interface InsightAnswer<T> {
  /** That part is on in no process, and how it is switched on: then nothing is said. `null`: it is on somewhere. */
  readonly why: string | null
  readonly nodes: NodeAnswer<T>[]
}

export type Agreed = Shown['recommendation'] & {
  /** Processes that give this advice, of those that have seen enough. */
  readonly nodes: number
  readonly of_nodes: number
}

const DEADLINE_MS = 5000
const INSIGHT = { part: 'insight', remedy: 'createInsight({ caches })' }
/** How each part is called, and what begins it. */
const PARTS: Readonly<Record<InsightTopic, { readonly part: string; readonly remedy: string }>> = {
  sizing: INSIGHT,
  analyze: INSIGHT,
  cost: INSIGHT,
  prediction: { part: 'prediction', remedy: 'createInsight({ caches, usagePrediction: true }) or predictiveLoading' },
  freshness: { part: 'checking reads against their source', remedy: 'createInsight({ caches, freshness: true })' },
}

/** InsightAnswer of one process that a part is not on there. */
export const notRunning = (topic: InsightTopic): string => `${PARTS[topic].part} is not running there`

/** @throws Problem 502 where no process answers */
export async function askInsight<T extends InsightTopic>(
  control: { readonly fleet: Fleet },
  cache: string,
  topic: T,
  asked: Asked<T>,
): Promise<InsightAnswer<NonNullable<Answered[T]>>> {
  const replies = await control.fleet.ask(cache, topic as Topic & T, asked as never, { deadlineMs: DEADLINE_MS })
  const nodes = replies.map(({ id, status, error, body }) => ({
    node: id,
    error: status !== 'answered' ? (error ?? status) : body === null ? notRunning(topic) : null,
    said: status === 'answered' ? ((body ?? null) as NonNullable<Answered[T]> | null) : null,
  }))
  if (nodes.some(({ said }) => said !== null)) return { why: null, nodes }
  if (replies.some(({ status }) => status === 'answered')) return { why: whyNothing(cache, topic), nodes }
  throw new Problem(502, 'node_failed', `no process of ${cache} answered: ${nodes[0]?.error ?? 'none is running'}`)
}

function whyNothing(cache: string, topic: InsightTopic): string {
  const { part, remedy } = PARTS[topic]
  const given =
    'give its result to createControl({ caches, insight }), or attach(cache, { insight }) in another process'
  return `${part} is not running in any process of ${cache}: use ${remedy} there, and ${given}`
}

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
