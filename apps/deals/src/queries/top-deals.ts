// The open deals that are worth most.
import { sql } from 'kysely'
import type { Reader } from '../db/database.ts'
import { OPEN_STAGES } from '../db/schema.ts'

const SHOWN = 5

export async function topDeals(tx: Reader, organizationId: number) {
  return await tx
    .selectFrom('deals')
    .innerJoin('users', 'users.id', 'deals.owner_id')
    .where('deals.organization_id', '=', organizationId)
    .where('deals.stage', 'in', OPEN_STAGES)
    .orderBy((eb) => eb.fn.coalesce('deals.amount_cents', sql<number>`0`), 'desc')
    .orderBy('deals.id')
    .limit(SHOWN)
    .select(['deals.id', 'deals.title', 'deals.stage', 'deals.amount_cents', 'users.name as owner'])
    .execute()
}
