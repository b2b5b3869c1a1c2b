// Individual reads and writes as they happen, while there are viewers: every process is asked for a sample of its
// events since the last time.
import { randomUUID } from 'node:crypto'
import { mayTouch, type Principal } from '../access/roles.ts'
import type { TailRow } from '../agent/answers.ts'
import type { Control } from '../control.ts'
import type { Message } from './hub.ts'

/** The most rows of one cache in one round: with two rounds a second, 200 a second. */
const MOST_ROWS = 100
const DEADLINE_MS = 1000
/** This control plane's client id at the nodes: each has its own sample. */
const BY = randomUUID()

/** A row of the stream: its node, and its time. */
export interface TailEvent extends Omit<TailRow, 'age_ms'> {
  readonly node: string
  /** Epoch milliseconds of the control plane's clock, whatever the node's says. */
  readonly at: number
}

/** What happened in one cache since the previous round. */
export interface TailRound {
  readonly cache_name: string
  /** Oldest first. */
  readonly rows: readonly TailEvent[]
  /** How many events the rows are a sample of. */
  readonly seen: number
  /** Nodes that did not answer: their events are missing. */
  readonly silent: readonly string[]
}

/** One round: nodes are asked only while there are viewers. */
export async function tellEvents({ hub, fleet, collector }: Control): Promise<void> {
  if (!hub.hears('events')) return
  await Promise.all(
    fleet.names.map(async (cache) => {
      const nodes = (collector.snapshot(cache) ?? (await fleet.see(cache))).nodes
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

/** A caller limited to namespaces sees their rows only; undefined: there is none. */
export function seenBy(principal: Principal, { caches, data }: Message): unknown {
  if (caches.every((cache) => mayTouch(principal, cache))) return data
  const { rows, ...round } = data as TailRound // sent by `tellEvents`
  const own = rows.filter(({ namespace }) => mayTouch(principal, namespace))
  return own.length === 0 ? undefined : { ...round, rows: own, seen: null }
}
