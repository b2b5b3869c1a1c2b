// How often a deal was viewed: counters, written behind, so that hundreds of views become one row.
//
// Each process counts for itself, so that no two of them write one counter: a row holds the count of its process, and
// storing it twice, or late, changes nothing. Rows that have not changed for long are merged.
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { MillpondError } from 'millpond'
import type { Database } from '../db/database.ts'
import type { QueueParts } from './activities.ts'

export interface Views {
  /**
   * Counts a view; resolves with the total, with other processes' counts as stored within the last minute.
   * Null: views are not counted.
   */
  look(dealId: number): Promise<number | null>
  /** What the next view would return; counts nothing. */
  beforeLook(dealId: number): Promise<number | null>
  /** Merges the counters of processes that are gone. */
  fold(): Promise<void>
  flush(): Promise<void>
}

interface Count {
  readonly own: number
  readonly others: number
}

const MINUTE = 60_000
/** A process needs its own count for so long after it has stored it. */
const RESTED_DAYS = 2
const PAST = 'past'

export function openViews({ db, records, journals }: QueueParts, say: (line: string) => void): Views {
  const counter = randomUUID()
  const counts = records?.collection<string, Count>('deal_views', {
    ttl: MINUTE,
    load: (id) => loadCount(db, partsOf(id)),
    storeMany: (writes) =>
      storeCounts(
        db,
        writes.map(({ id, value }) => ({ ...partsOf(id), views: value.own })),
      ),
    write: 'write-behind',
    writeBehind: { journal: `${journals}/views`, maxDelay: '2s', maxBatch: 500 },
  })
  if (counts === undefined)
    return {
      look: async () => null,
      beforeLook: async () => null,
      fold: async () => undefined,
      flush: async () => undefined,
    }
  const countOf = async (id: string): Promise<Count> => (await counts.get(id)) ?? { own: 0, others: 0 }
  const idOf = (dealId: number): string => `${dealId} ${counter}`
  const add = async (dealId: number, looks: number): Promise<number> => {
    const { own, others } = await countOf(idOf(dealId))
    await counts.set(idOf(dealId), { own: own + looks, others })
    return own + looks + others
  }
  const look = oneAtATime(add)
  const unlessFailed = async (dealId: number, counted: Promise<number>): Promise<number | null> => {
    try {
      return await counted
    } catch (error) {
      if (!(error instanceof MillpondError)) throw error
      say(`views: a view of deal ${dealId} is not counted (${error.message})`)
      return null
    }
  }
  const beforeLook = async (dealId: number): Promise<number> => {
    const { own, others } = await countOf(idOf(dealId))
    return own + 1 + others
  }
  return {
    look: (dealId) => unlessFailed(dealId, look(dealId)),
    beforeLook: (dealId) => unlessFailed(dealId, beforeLook(dealId)),
    fold: () => foldRested(db),
    flush: () => counts.flush(),
  }
}

/** The steps of one deal are serialised; views that arrive during a step are counted together by the next. */
function oneAtATime(add: (dealId: number, looks: number) => Promise<number>): (dealId: number) => Promise<number> {
  const underWay = new Map<number, Promise<unknown>>()
  const next = new Map<number, { looks: number; counted: Promise<number> }>()
  const begin = async (dealId: number): Promise<number> => {
    await underWay.get(dealId)?.catch(() => undefined) // reported to the viewers
    const looks = next.get(dealId)?.looks ?? 1
    next.delete(dealId)
    const counted = add(dealId, looks)
    underWay.set(dealId, counted)
    try {
      return await counted
    } finally {
      if (underWay.get(dealId) === counted) underWay.delete(dealId)
    }
  }
  return (dealId) => {
    const waiting = next.get(dealId)
    if (waiting === undefined) {
      const counted = begin(dealId)
      next.set(dealId, { looks: 1, counted })
      return counted
    }
    waiting.looks++
    return waiting.counted
  }
}

interface Parts {
  readonly deal: number
  readonly counter: string
}

function partsOf(id: string): Parts {
  const [deal = '', counter = ''] = id.split(' ')
  return { deal: Number(deal), counter }
}

async function loadCount(db: Database, { deal, counter }: Parts): Promise<Count> {
  const rows = await db.kysely
    .selectFrom('deal_views')
    .select(['counter', 'views'])
    .where('deal_id', '=', deal)
    .execute()
  const sum = (own: boolean) =>
    rows.filter((row) => (row.counter === counter) === own).reduce((total, { views }) => total + views, 0)
  return { own: sum(true), others: sum(false) }
}

/** Counters of deleted deals were deleted with them. */
async function storeCounts(db: Database, counts: readonly (Parts & { readonly views: number })[]): Promise<void> {
  await db.write(async (tx) => {
    const wanted = [...new Set(counts.map(({ deal }) => deal))]
    const known = new Set(
      (await tx.selectFrom('deals').select('id').where('id', 'in', wanted).execute()).map(({ id }) => id),
    )
    const rows = counts
      .filter(({ deal }) => known.has(deal))
      .map(({ deal, counter, views }) => ({ deal_id: deal, counter, views, day: today() }))
    if (rows.length === 0) return
    await tx
      .insertInto('deal_views')
      .values(rows)
      .onConflict((c) =>
        c.columns(['deal_id', 'counter']).doUpdateSet({
          views: sql`case when excluded.views > deal_views.views then excluded.views else deal_views.views end`,
          day: (eb) => eb.ref('excluded.day'),
        }),
      )
      .execute()
  })
}

async function foldRested(db: Database): Promise<void> {
  await db.write(async (tx) => {
    const rested = await tx
      .deleteFrom('deal_views')
      .where('counter', '!=', PAST)
      .where('day', '<=', today() - RESTED_DAYS)
      .returning(['deal_id', 'views'])
      .execute()
    for (const { deal_id, views } of rested)
      await tx
        .insertInto('deal_views')
        .values({ deal_id, counter: PAST, views, day: today() })
        .onConflict((c) =>
          c.columns(['deal_id', 'counter']).doUpdateSet((eb) => ({ views: eb('deal_views.views', '+', views) })),
        )
        .execute()
  })
}

const today = (): number => Math.floor(Date.now() / 86_400_000)
