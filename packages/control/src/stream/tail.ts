// Single reads and writes as they happen, while somebody looks: every process is asked for a sample of what it saw
// since the last time.
import { randomUUID } from 'node:crypto'
import { mayTouch, type Principal } from '../access/roles.ts'
import type { TailRow } from '../agent/answers.ts'
import type { Control } from '../control.ts'
import type { Message } from './hub.ts'

/** Rows of one cache in one round: with two rounds a second, 200 a second. */
const MOST_ROWS = 100
const DEADLINE_MS = 1000
/** As nodes know this control plane: each has its own sample. */
const BY = randomUUID()

/** A row of the stream: by which node, and when. */
export interface TailEvent extends Omit<TailRow, 'age_ms'> {
  readonly node: string
  /** Epoch milliseconds of the control plane's clock, whatever the node's says. */
  readonly at: number
}

/** What happened in one cache since the round before. */
export interface TailRound {
  readonly cache_name: string
  /** Oldest first. */
  readonly rows: readonly TailEvent[]
  /** What the rows are a sample of. */
  readonly seen: number
  /** Nodes that did not answer: what they did is not among the rows. */
  readonly silent: readonly string[]
}

/** One round: nobody is asked while nobody looks. */
export async function tellEvents({ hub, fleet, collector }: Control): Promise<void> {
  if (!hub.hears('events')) return
  await Promise.all(
    fleet.names.map(async (cache) => {
      const nodes = (collector.sight(cache) ?? (await fleet.see(cache))).nodes
      const awake = nodes.filter(({ isLate }) => !isLate).map(({ id }) => id)
      const limit = Math.ceil(MOST_ROWS / Math.max(1, awake.length))
      const replies = await fleet.ask(cache, 'tail', { by: BY, limit }, { to: awake, deadlineMs: DEADLINE_MS })
      const now = Date.now()
      const rows = replies.flatMap(({ id, body }) =>
        (body?.rows ?? []).map(({ age_ms, ...row }) => ({ ...row, node: id, at: now - age_ms })),
      )
      const seen = replies.reduce((all, { body }) => all + (body?.seen ?? 0), 0)
      const silent = replies.filter(({ body }) => body === undefined).map(({ id }) => id)
      if (seen === 0 && silent.length === 0) return
      const round: TailRound = { cache_name: cache, rows: rows.sort((a, b) => a.at - b.at), seen, silent }
      hub.tell('events', 'event', [cache], round)
    }),
  )
}

/** Who is limited to namespaces sees the rows of those; undefined: there is none. */
export function seenBy(principal: Principal, { caches, data }: Message): unknown {
  if (caches.every((cache) => mayTouch(principal, cache))) return data
  const { rows, ...round } = data as TailRound // what `tellEvents` has told
  const own = rows.filter(({ namespace }) => mayTouch(principal, namespace))
  return own.length === 0 ? undefined : { ...round, rows: own, seen: null }
}
