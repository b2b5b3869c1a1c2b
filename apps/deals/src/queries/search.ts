// Search over the deals of an organisation: every word must occur.
import { sql } from 'kysely'
import type { Reader } from '../db/database.ts'
import { isoDayOrNull } from '../db/days.ts'

export const PAGE_SIZE = 20

export interface SearchQuestion {
  /** Lower case, single spaces. */
  readonly text: string
  readonly stage: string | null
  /** From 1. */
  readonly page: number
}

export async function searchDeals(tx: Reader, organizationId: number, { text, stage, page }: SearchQuestion) {
  const words = text.split(' ').filter((word) => word !== '')
  let matching = tx
    .selectFrom('deals')
    .innerJoin('users', 'users.id', 'deals.owner_id')
    .where('deals.organization_id', '=', organizationId)
  for (const word of words) {
    matching = matching.where(
      sql<boolean>`deals.search_text like ${`%${word.replace(/[\\%_]/g, '\\$&')}%`} escape '\\'`,
    )
  }
  if (stage !== null) matching = matching.where('deals.stage', '=', stage)
  const total = await matching
    .select((eb) => [eb.fn.countAll<number>().as('deals'), eb.fn.sum<number | null>('deals.amount_cents').as('value')])
    .executeTakeFirstOrThrow()
  const rows = await matching
    .orderBy((eb) => eb.fn.coalesce('deals.opened_day', sql<number>`0`), 'desc')
    .orderBy('deals.id', 'desc')
    .limit(PAGE_SIZE)
    .offset((page - 1) * PAGE_SIZE)
    .select([
      'deals.id',
      'deals.reference',
      'deals.title',
      'deals.product',
      'deals.stage',
      'deals.source',
      'deals.amount_cents',
      'deals.opened_day',
      'deals.closed_day',
      'users.name as owner',
    ])
    .execute()
  return {
    query: { q: text, stage, page },
    total: total.deals,
    total_value_cents: total.value ?? 0,
    pages: Math.ceil(total.deals / PAGE_SIZE),
    results: rows.map(({ opened_day, closed_day, ...row }) => ({
      ...row,
      opened: isoDayOrNull(opened_day),
      closed: isoDayOrNull(closed_day),
    })),
  }
}
