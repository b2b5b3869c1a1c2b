// Deals as a collection, written through: reading one by its id returns what the database has.
import type { Cache } from 'millpond'
import type { Invalidation, Written } from '../cache/invalidation.ts'
import type { Database } from '../db/database.ts'
import { scope, versionsOf } from '../db/versions.ts'
import { type Deal, storeDeal } from '../writes/deals.ts'
import { createThrough, doneKey, type Through } from './through.ts'

export interface DealRecord {
  readonly deal: Deal
  readonly version: number
}

export interface RecordParts {
  readonly db: Database
  /** Undefined: the cache is off. */
  readonly records: Cache | undefined
  readonly invalidation: Invalidation
  readonly today: number
}

const COLUMNS = [
  'id',
  'reference',
  'organization_id',
  'title',
  'product',
  'source',
  'stage',
  'amount_cents',
  'owner_id',
  'opened_day',
  'closed_day',
] as const

export function openDeals({ db, records, invalidation, today }: RecordParts): Through<DealRecord> {
  const done = new Map<string, Written<{ id: number }>>()
  const store = (tx: Parameters<typeof storeDeal>[0], record: DealRecord) => storeDeal(tx, record, today)
  const load = (ids: readonly number[]) => loadDeals(db, ids)
  const collection = records?.collection<number, DealRecord>('deal', {
    ttl: '1h',
    tags: (_, id) => [scope.deal(id)],
    loadMany: load,
    store: async (id, record) => {
      done.set(doneKey(id, record.version), await invalidation.write((tx) => store(tx, record), { isThrough: true }))
    },
    write: 'write-through',
  })
  return createThrough({ collection, load, store, invalidation, done, what: 'deal' })
}

/** In one snapshot with their versions. */
function loadDeals(db: Database, ids: readonly number[]): Promise<ReadonlyMap<number, DealRecord>> {
  return db.snapshot(async (tx) => {
    const rows = await tx.selectFrom('deals').select(COLUMNS).where('id', 'in', ids).execute()
    const versions = await versionsOf(tx, ids.map(scope.deal))
    return new Map(rows.map((deal) => [deal.id, { deal, version: versions.get(scope.deal(deal.id)) ?? 0 }]))
  })
}
