// One generated deal: when it was opened, how it went, and the milestones, activities and payments that followed.
import { monthOf } from '../db/days.ts'
import type { Stage } from '../db/schema.ts'
import { HISTORY_DAYS, LAST_DAY, type Member } from './history.ts'
import type { Random } from './random.ts'
import { type AddRow, searchText } from './rows.ts'
import {
  ACTIVITIES,
  COMPANY_FIRST,
  COMPANY_LAST,
  MILESTONES,
  NEEDS,
  PAYMENT_METHODS,
  PRODUCTS,
  SEASON,
  SOURCES,
} from './vocabulary.ts'

/** The next free ids. */
export interface DealIds {
  deal: number
  milestone: number
  activity: number
  payment: number
}

const MEAN_CYCLE_DAYS = 48
const SOURCE_SHARES = SOURCES.map(([, portion]) => portion)
const PRODUCT_SHARES = PRODUCTS.map(([, , portion]) => portion)

export function addDeal(
  add: AddRow,
  random: Random,
  ids: DealIds,
  organizationId: number,
  members: readonly Member[],
): void {
  const id = ids.deal++
  const owner = members[Math.floor(random.next() ** 1.5 * members.length)] ?? random.pick(members)
  const [product, listPrice] = PRODUCTS[random.weighted(PRODUCT_SHARES)] ?? PRODUCTS[0]
  const [source, , winRate] = SOURCES[random.weighted(SOURCE_SHARES)] ?? SOURCES[0]
  const opened = openedDay(random)
  const cycle = Math.max(2, Math.round(MEAN_CYCLE_DAYS * Math.exp(0.6 * random.normal())))
  const isClosed = opened + cycle <= LAST_DAY
  const stage: Stage = isClosed ? (random.chance(winRate) ? 'won' : 'lost') : openStage((LAST_DAY - opened) / cycle)
  const closed = isClosed ? opened + cycle : null
  const amount = Math.max(1_000, Math.round((listPrice * Math.exp(0.45 * random.normal())) / 100) * 100)
  const text = {
    title: `${random.pick(NEEDS)} for ${random.pick(COMPANY_FIRST)} ${random.pick(COMPANY_LAST)}`,
    reference: `D-${String(id).padStart(6, '0')}`,
    product,
  }
  add('deals', {
    id,
    ...text,
    organization_id: organizationId,
    owner_id: owner.userId,
    team_id: owner.teamId,
    stage,
    source,
    amount_cents: amount,
    opened_day: opened,
    closed_day: closed,
    search_text: searchText(text),
  })
  addMilestones(add, random, ids, { id, opened, cycle, stage, closed })
  addActivities(add, random, ids, { id, opened, until: closed ?? LAST_DAY, owner, members })
  if (stage === 'won' && closed !== null) addPayments(add, random, ids, { id, amount, closed })
}

/** More deals in recent years and busy months: a drawn day is kept with the probability of its season. */
function openedDay(random: Random): number {
  const highest = Math.max(...SEASON)
  for (;;) {
    const day = LAST_DAY - Math.floor(random.next() ** 1.25 * HISTORY_DAYS)
    if (random.chance((SEASON[monthOf(day)] ?? 1) / highest)) return day
  }
}

function openStage(progress: number): Stage {
  return progress < 0.2 ? 'prospecting' : progress < 0.5 ? 'engaging' : progress < 0.8 ? 'proposal' : 'negotiation'
}

interface Course {
  readonly id: number
  readonly opened: number
  readonly cycle: number
  readonly stage: Stage
  readonly closed: number | null
}

function addMilestones(add: AddRow, random: Random, ids: DealIds, deal: Course): void {
  const count = random.whole(2, 4)
  for (let step = 0; step < count; step++) {
    const due = deal.opened + Math.round((deal.cycle * (step + 1)) / count)
    const done = due + Math.round(4 * random.normal())
    const isReached = deal.stage === 'lost' ? random.chance(0.5) : done <= (deal.closed ?? LAST_DAY)
    add('milestones', {
      id: ids.milestone++,
      deal_id: deal.id,
      name: MILESTONES[step + (MILESTONES.length - count)] ?? MILESTONES[0],
      due_day: due,
      completed_day: isReached ? Math.max(deal.opened, Math.min(done, deal.closed ?? LAST_DAY)) : null,
    })
  }
}

interface Span {
  readonly id: number
  readonly opened: number
  readonly until: number
  readonly owner: Member
  readonly members: readonly Member[]
}

function addActivities(add: AddRow, random: Random, ids: DealIds, span: Span): void {
  const count = random.whole(2, 6)
  for (let step = 0; step < count; step++) {
    const [kind, minutes] = random.pick(ACTIVITIES)
    add('activities', {
      id: ids.activity++,
      deal_id: span.id,
      user_id: random.chance(0.8) ? span.owner.userId : random.pick(span.members).userId,
      kind,
      day: random.whole(span.opened, span.until),
      minutes: Math.max(1, Math.round(minutes * (0.5 + random.next()))),
    })
  }
}

function addPayments(
  add: AddRow,
  random: Random,
  ids: DealIds,
  deal: { readonly id: number; readonly amount: number; readonly closed: number },
): void {
  const count = deal.amount > 500_000 ? random.whole(2, 4) : 1
  const part = Math.floor(deal.amount / count)
  for (let step = 0; step < count; step++) {
    const due = deal.closed + 14 + 30 * step
    const paid = due + Math.round(6 * random.normal())
    const isPaid = paid <= LAST_DAY && random.chance(0.96)
    add('payments', {
      id: ids.payment++,
      deal_id: deal.id,
      amount_cents: step === count - 1 ? deal.amount - part * (count - 1) : part,
      method: random.pick(PAYMENT_METHODS),
      status: isPaid ? 'paid' : due > LAST_DAY ? 'scheduled' : random.chance(0.7) ? 'overdue' : 'failed',
      due_day: due,
      paid_day: isPaid ? Math.max(deal.closed, paid) : null,
    })
  }
}
