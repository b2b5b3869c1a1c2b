// Changes of deals and of what belongs to them.
import type { Selectable } from 'kysely'
import { searchText } from '../data/rows.ts'
import type { Writer } from '../db/database.ts'
import type { Schema, Stage } from '../db/schema.ts'
import { scope, versionOf } from '../db/versions.ts'
import { activityScopes, dealScopes } from './cascade.ts'
import type { Changed } from './commit.ts'
import { Moved, Refused } from './refused.ts'

export interface NewDeal {
  readonly title: string
  readonly product: string
  readonly source: string
  readonly stage: Stage
  readonly amount_cents: number | null
  readonly owner_id: number
}

export type DealChange = Partial<Omit<NewDeal, 'stage'> & { readonly stage: string }>

/** A deal as people see it. */
export type Deal = Omit<Selectable<Schema['deals']>, 'team_id' | 'search_text'>

const isFinal = (stage: string) => stage === 'won' || stage === 'lost'

/** Adds a deal that is opened today. */
export async function createDeal(
  tx: Writer,
  organizationId: number,
  deal: NewDeal,
  today: number,
): Promise<Changed<{ id: number; reference: string }>> {
  const teamId = await teamOf(tx, organizationId, deal.owner_id)
  const last = await tx
    .selectFrom('deals')
    .select((eb) => eb.fn.max('id').as('id'))
    .executeTakeFirst()
  // Writers wait for each other, so the highest id plus one is free; it also makes a replay of the writes exact.
  const id = (last?.id ?? 0) + 1
  const reference = `N-${String(id).padStart(6, '0')}`
  const closed = isFinal(deal.stage) ? today : null
  await tx
    .insertInto('deals')
    .values({
      ...deal,
      id,
      reference,
      organization_id: organizationId,
      team_id: teamId,
      opened_day: today,
      closed_day: closed,
      search_text: searchText({ ...deal, reference }),
    })
    .execute()
  return { data: { id, reference }, touched: dealScopes(id, organizationId, [deal.owner_id]) }
}

/** Changes a deal. A deal that becomes won or lost is closed today; one that is opened again is not closed. */
export async function updateDeal(
  tx: Writer,
  id: number,
  change: DealChange,
  today: number,
): Promise<Changed<{ id: number }>> {
  const deal = await findDeal(tx, id)
  const next = changedDeal(deal, change, today)
  const isGiven = change.owner_id !== undefined && change.owner_id !== deal.owner_id
  const teamId = isGiven ? await teamOf(tx, deal.organization_id, next.owner_id) : deal.team_id
  await tx
    .updateTable('deals')
    .set({
      ...change,
      team_id: teamId,
      closed_day: next.closed_day,
      opened_day: next.opened_day,
      search_text: searchText(next),
    })
    .where('id', '=', id)
    .execute()
  return { data: { id }, touched: dealScopes(id, deal.organization_id, [deal.owner_id, next.owner_id]) }
}

/** Replaces the previous version of a deal. @throws Moved if it is no longer the current one. */
export async function storeDeal(
  tx: Writer,
  { deal, version }: { readonly deal: Deal; readonly version: number },
  today: number,
) {
  if ((await versionOf(tx, scope.deal(deal.id))) !== version - 1) throw new Moved(`deal ${deal.id}`)
  const { title, product, source, stage, amount_cents, owner_id } = deal
  return updateDeal(tx, deal.id, { title, product, source, stage, amount_cents, owner_id }, today)
}

/** The deal as a change leaves it. */
export function changedDeal(deal: Deal, change: DealChange, today: number): Deal {
  const next = { ...deal, ...change }
  return {
    ...next,
    closed_day: isFinal(next.stage) ? (deal.closed_day ?? today) : null,
    opened_day: deal.opened_day ?? today,
  }
}

/** Removes a deal with its milestones, activities and payments. */
export async function deleteDeal(tx: Writer, id: number): Promise<Changed<{ id: number }>> {
  const deal = await findDeal(tx, id)
  await tx.deleteFrom('deals').where('id', '=', id).execute()
  const touched = [
    ...dealScopes(id, deal.organization_id, [deal.owner_id]),
    ...activityScopes(deal.organization_id, deal.owner_id),
  ]
  return { data: { id }, touched: [...new Set(touched)] }
}

export interface NewActivity {
  readonly kind: string
  readonly minutes: number
}

/** Something that was done for a deal. */
export interface Activity extends NewActivity {
  readonly deal_id: number
  readonly user_id: number
  readonly day: number
  /** Stored once, however often it is submitted. */
  readonly request_id: string
}

export async function addActivity(tx: Writer, activity: Activity): Promise<Changed<{ id: number }>> {
  const known = await tx
    .selectFrom('activities')
    .select('id')
    .where('request_id', '=', activity.request_id)
    .executeTakeFirst()
  if (known) return { data: known, touched: [] }
  const deal = await findDeal(tx, activity.deal_id)
  const last = await tx
    .selectFrom('activities')
    .select((eb) => eb.fn.max('id').as('id'))
    .executeTakeFirst()
  const id = (last?.id ?? 0) + 1
  await tx
    .insertInto('activities')
    .values({ ...activity, id })
    .execute()
  return { data: { id }, touched: activityScopes(deal.organization_id, deal.owner_id) }
}

async function findDeal(tx: Writer, id: number) {
  const deal = await tx.selectFrom('deals').selectAll().where('id', '=', id).executeTakeFirst()
  if (!deal) throw new Refused(404, `there is no deal ${id}`)
  return deal
}

async function teamOf(tx: Writer, organizationId: number, userId: number): Promise<number | null> {
  const member = await tx
    .selectFrom('memberships')
    .select('team_id')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  if (!member) throw new Refused(422, `owner_id ${userId} is not a member of organisation ${organizationId}`)
  return member.team_id
}
