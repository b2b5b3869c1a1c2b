// Sales performance of an organisation over its last 90 days: people, teams, cycle, punctuality.
import { sql } from 'kysely'
import type { Reader } from '../db/database.ts'
import { mean, ratio, windowOf } from './window.ts'

const SHOWN = 20

export async function performanceMetrics(tx: Reader, organizationId: number, today: number) {
  const window = windowOf(90, today)
  const people = await perOwner(tx, organizationId, window.from, window.to)
  const teams = new Map<string, { deals: number; won: number; lost: number; won_value_cents: number }>()
  for (const person of people) {
    const team = teams.get(person.team) ?? { deals: 0, won: 0, lost: 0, won_value_cents: 0 }
    teams.set(person.team, {
      deals: team.deals + person.deals,
      won: team.won + person.won,
      lost: team.lost + person.lost,
      won_value_cents: team.won_value_cents + person.won_value_cents,
    })
  }
  return {
    days: window.days,
    median_cycle_days: await medianCycle(tx, organizationId, window.from, window.to),
    milestones: await punctuality(tx, organizationId, window.from, window.to),
    people: people.slice(0, SHOWN),
    teams: [...teams]
      .map(([team, figures]) => ({ team, ...figures, win_rate: ratio(figures.won, figures.won + figures.lost) }))
      .sort((a, b) => b.won_value_cents - a.won_value_cents || (a.team < b.team ? -1 : 1)),
  }
}

/** Activities are summed per deal first, so that joining them does not multiply the deals. */
async function perOwner(tx: Reader, organizationId: number, from: number, to: number) {
  const rows = await tx
    .with('effort', (db) =>
      db
        .selectFrom('activities')
        .innerJoin('deals', 'deals.id', 'activities.deal_id')
        .where('deals.organization_id', '=', organizationId)
        .groupBy('activities.deal_id')
        .select((eb) => [
          'activities.deal_id',
          eb.fn.countAll<number>().as('touches'),
          eb.fn.sum<number>('activities.minutes').as('minutes'),
        ]),
    )
    .selectFrom('deals')
    .innerJoin('users', 'users.id', 'deals.owner_id')
    .leftJoin('teams', 'teams.id', 'deals.team_id')
    .leftJoin('effort', 'effort.deal_id', 'deals.id')
    .where('deals.organization_id', '=', organizationId)
    .where((eb) => eb.or([eb.between('deals.opened_day', from, to), eb.between('deals.closed_day', from, to)]))
    .groupBy(['users.id', 'users.name', 'teams.name'])
    .select((eb) => {
      const closedAs = (stage: string) =>
        eb.and([eb('deals.stage', '=', stage), eb.between('deals.closed_day', from, to)])
      return [
        'users.id as user_id',
        'users.name',
        'teams.name as team',
        eb.fn.countAll<number>().as('deals'),
        eb.fn.countAll<number>().filterWhere(closedAs('won')).as('won'),
        eb.fn.countAll<number>().filterWhere(closedAs('lost')).as('lost'),
        eb.fn.sum<number | null>('deals.amount_cents').filterWhere(closedAs('won')).as('won_cents'),
        eb.fn.sum<number | null>('effort.touches').as('touches'),
        eb.fn.sum<number | null>('effort.minutes').as('minutes'),
      ]
    })
    .execute()
  return rows
    .map((row) => ({
      user_id: row.user_id,
      name: row.name,
      team: row.team ?? 'no team',
      deals: row.deals,
      won: row.won,
      lost: row.lost,
      win_rate: ratio(row.won, row.won + row.lost),
      won_value_cents: row.won_cents ?? 0,
      activities_per_deal: mean(row.touches, row.deals),
      minutes_per_deal: mean(row.minutes, row.deals),
    }))
    .sort((a, b) => b.won_value_cents - a.won_value_cents || a.user_id - b.user_id)
}

async function medianCycle(tx: Reader, organizationId: number, from: number, to: number): Promise<number | null> {
  const rows = await tx
    .selectFrom((db) =>
      db
        .selectFrom('deals')
        .where('organization_id', '=', organizationId)
        .where('stage', '=', 'won')
        .where((eb) => eb.between('closed_day', from, to))
        .select([
          sql<number>`closed_day - opened_day`.as('cycle'),
          sql<number>`row_number() over (order by closed_day - opened_day)`.as('place'),
          sql<number>`count(*) over ()`.as('total'),
        ])
        .as('ranked'),
    )
    .where((eb) =>
      eb.or([eb('place', '=', sql<number>`(total + 1) / 2`), eb('place', '=', sql<number>`(total + 2) / 2`)]),
    )
    .select('cycle')
    .execute()
  return mean(
    rows.reduce((sum, row) => sum + row.cycle, 0),
    rows.length,
  )
}

async function punctuality(tx: Reader, organizationId: number, from: number, to: number) {
  const row = await tx
    .selectFrom('milestones')
    .innerJoin('deals', 'deals.id', 'milestones.deal_id')
    .where('deals.organization_id', '=', organizationId)
    .where((eb) => eb.between('milestones.due_day', from, to))
    .select((eb) => [
      eb.fn.countAll<number>().as('due'),
      eb.fn.count<number>('milestones.completed_day').as('done'),
      eb.fn
        .countAll<number>()
        .filterWhere('milestones.completed_day', '<=', eb.ref('milestones.due_day'))
        .as('on_time'),
    ])
    .executeTakeFirstOrThrow()
  return { due: row.due, done: row.done, on_time: row.on_time, on_time_rate: ratio(row.on_time, row.due) }
}
