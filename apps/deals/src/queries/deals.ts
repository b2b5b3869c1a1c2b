// Aggregates over deals: totals of a window, trend, sources, pipeline, payments. `organizationId` null means all.
import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely'
import type { Reader } from '../db/database.ts'
import { isoDay } from '../db/days.ts'
import { OPEN_STAGES, type Schema, STAGES } from '../db/schema.ts'
import { type Days, mean, ratio, type Window } from './window.ts'

type DealBuilder = ExpressionBuilder<Schema, 'deals'>

const of =
  (organizationId: number | null) =>
  (eb: DealBuilder): Expression<SqlBool> =>
    organizationId === null ? sql<SqlBool>`1 = 1` : eb('deals.organization_id', '=', organizationId)

/** What was opened and closed between two days, and what it was worth. */
export async function dealTotals(tx: Reader, organizationId: number | null, { from, to }: Days) {
  const row = await tx
    .selectFrom('deals')
    .where(of(organizationId))
    .select((eb) => {
      const closedAs = (stage: string) => eb.and([eb('stage', '=', stage), eb.between('closed_day', from, to)])
      const count = (which: Expression<SqlBool>) => eb.fn.countAll<number>().filterWhere(which)
      return [
        count(eb.between('opened_day', from, to)).as('opened'),
        count(closedAs('won')).as('won'),
        count(closedAs('lost')).as('lost'),
        eb.fn.sum<number | null>('amount_cents').filterWhere(closedAs('won')).as('won_cents'),
        eb.fn
          .sum<number | null>(eb('closed_day', '-', eb.ref('opened_day')))
          .filterWhere(closedAs('won'))
          .as('won_cycle_days'),
      ]
    })
    .executeTakeFirstOrThrow()
  const wonCents = row.won_cents ?? 0
  return {
    opened: row.opened,
    won: row.won,
    lost: row.lost,
    win_rate: ratio(row.won, row.won + row.lost),
    won_value_cents: wonCents,
    average_won_value_cents: row.won === 0 ? null : Math.round(wonCents / row.won),
    average_cycle_days: mean(row.won_cycle_days, row.won),
  }
}

/** Every deal, by stage, whatever its dates. */
export async function pipeline(tx: Reader, organizationId: number | null) {
  const rows = await tx
    .selectFrom('deals')
    .where(of(organizationId))
    .groupBy('stage')
    .select((eb) => [
      'stage',
      eb.fn.countAll<number>().as('deals'),
      eb.fn.sum<number | null>('amount_cents').as('value_cents'),
      eb.fn.countAll<number>().filterWhere('amount_cents', 'is', null).as('without_value'),
    ])
    .execute()
  const byStage = new Map(rows.map((row) => [row.stage, row]))
  return STAGES.map((stage) => {
    const row = byStage.get(stage)
    return {
      stage,
      is_open: OPEN_STAGES.includes(stage),
      deals: row?.deals ?? 0,
      value_cents: row?.value_cents ?? 0,
      without_value: row?.without_value ?? 0,
    }
  })
}

/** Opened, won and lost per step of the window. */
export async function trend(tx: Reader, organizationId: number | null, window: Window) {
  const point = (column: 'opened_day' | 'closed_day') =>
    sql<number>`(${sql.ref(`deals.${column}`)} - ${sql.lit(window.from)}) / ${sql.lit(window.step)}`
  const opened = await tx
    .selectFrom('deals')
    .where(of(organizationId))
    .where((eb) => eb.between('opened_day', window.from, window.to))
    .groupBy(point('opened_day'))
    .select((eb) => [point('opened_day').as('point'), eb.fn.countAll<number>().as('opened')])
    .execute()
  const closed = await tx
    .selectFrom('deals')
    .where(of(organizationId))
    .where('stage', 'in', ['won', 'lost'])
    .where((eb) => eb.between('closed_day', window.from, window.to))
    .groupBy(point('closed_day'))
    .select((eb) => [
      point('closed_day').as('point'),
      eb.fn.countAll<number>().filterWhere('stage', '=', 'won').as('won'),
      eb.fn.countAll<number>().filterWhere('stage', '=', 'lost').as('lost'),
      eb.fn.sum<number | null>('amount_cents').filterWhere('stage', '=', 'won').as('won_cents'),
    ])
    .execute()
  const points = Math.ceil(window.days / window.step)
  const openedAt = new Map(opened.map((row) => [row.point, row.opened]))
  const closedAt = new Map(closed.map((row) => [row.point, row]))
  return Array.from({ length: points }, (_, index) => {
    const row = closedAt.get(index)
    return {
      from: isoDay(window.from + index * window.step),
      opened: openedAt.get(index) ?? 0,
      won: row?.won ?? 0,
      lost: row?.lost ?? 0,
      won_value_cents: row?.won_cents ?? 0,
    }
  })
}

/** Where the deals opened in the window came from, and their outcome. */
export async function sources(tx: Reader, organizationId: number | null, { from, to }: Days) {
  const rows = await tx
    .selectFrom('deals')
    .where(of(organizationId))
    .where((eb) => eb.between('opened_day', from, to))
    .groupBy('source')
    .select((eb) => [
      'source',
      eb.fn.countAll<number>().as('deals'),
      eb.fn.countAll<number>().filterWhere('stage', '=', 'won').as('won'),
      eb.fn.countAll<number>().filterWhere('stage', '=', 'lost').as('lost'),
      eb.fn.sum<number | null>('amount_cents').filterWhere('stage', '=', 'won').as('won_cents'),
    ])
    .execute()
  const all = rows.reduce((sum, row) => sum + row.deals, 0)
  return rows
    .map((row) => ({
      source: row.source,
      deals: row.deals,
      share: ratio(row.deals, all),
      won: row.won,
      win_rate: ratio(row.won, row.won + row.lost),
      won_value_cents: row.won_cents ?? 0,
    }))
    .sort((a, b) => b.deals - a.deals || (a.source < b.source ? -1 : 1))
}

/** Payments due in the window, by status and by method, and how late they came. */
export async function payments(tx: Reader, organizationId: number | null, { from, to }: Days) {
  const rows = await tx
    .selectFrom('payments')
    .innerJoin('deals', 'deals.id', 'payments.deal_id')
    .where((eb) => (organizationId === null ? sql<SqlBool>`1 = 1` : eb('deals.organization_id', '=', organizationId)))
    .where((eb) => eb.between('payments.due_day', from, to))
    .groupBy(['payments.status', 'payments.method'])
    .select((eb) => [
      'payments.status',
      'payments.method',
      eb.fn.countAll<number>().as('count'),
      eb.fn.sum<number>('payments.amount_cents').as('amount'),
      eb.fn.sum<number | null>(eb('payments.paid_day', '-', eb.ref('payments.due_day'))).as('late'),
    ])
    .execute()
  const by = (key: 'status' | 'method') => {
    const groups = new Map<string, { count: number; amount_cents: number }>()
    for (const row of rows) {
      const sofar = groups.get(row[key]) ?? { count: 0, amount_cents: 0 }
      groups.set(row[key], { count: sofar.count + row.count, amount_cents: sofar.amount_cents + row.amount })
    }
    return [...groups]
      .map(([name, group]) => ({ [key]: name, ...group }))
      .sort((a, b) => b.amount_cents - a.amount_cents || b.count - a.count)
  }
  const paid = rows.filter((row) => row.status === 'paid')
  return {
    by_status: by('status'),
    by_method: by('method'),
    average_days_late: mean(
      paid.reduce((sum, row) => sum + (row.late ?? 0), 0),
      paid.reduce((sum, row) => sum + row.count, 0),
    ),
  }
}
