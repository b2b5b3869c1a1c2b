// The generator: the same data from the same seed, exactly as much as was asked for, and plausible.
import { describe, expect, test } from 'vitest'
import { DEFAULT_SIZES, generate, type Sizes } from '../../src/data/generate.ts'
import { LAST_DAY } from '../../src/data/history.ts'
import { share } from '../../src/data/random.ts'
import type { AddRow } from '../../src/data/rows.ts'
import { monthOf } from '../../src/db/days.ts'

// biome-ignore lint/suspicious/noExplicitAny: rows are looked at field by field
type Rows = Record<string, any[]>

function generated(sizes: Sizes): Rows {
  const rows: Rows = {}
  const add: AddRow = (table, row) => {
    rows[table] ??= []
    rows[table].push(row)
  }
  for (const _ of generate(sizes, add));
  return rows
}

const SIZES: Sizes = { organizations: 20, users: 100, deals: 4_000, seed: 7 }
const data = generated(SIZES)

test('the same seed gives the same data, another seed other data of the same size', () => {
  expect(generated(SIZES)).toEqual(data)
  const other = generated({ ...SIZES, seed: 8 })
  expect(other.deals).toHaveLength(4_000)
  expect(other.deals).not.toEqual(data.deals)
})

test('there is exactly as much as was asked for', () => {
  expect([data.organizations?.length, data.users?.length, data.deals?.length]).toEqual([20, 100, 4_000])
  expect(DEFAULT_SIZES).toEqual({ organizations: 200, users: 2_000, deals: 50_000, seed: 1 })
})

test('shares are whole, sum to the total, and none is below the minimum', () => {
  for (const [total, count, least] of [
    [2_000, 200, 3],
    [10, 3, 1],
    [0, 5, 0],
    [7, 7, 1],
  ] as const) {
    const shares = share(
      total,
      Array.from({ length: count }, (_, rank) => 1 / (rank + 1)),
      least,
    )
    expect(shares.reduce((sum, part) => sum + part, 0)).toBe(total)
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(least)
  }
})

describe('the deals are plausible', () => {
  const deals = data.deals ?? []
  test('closed deals have both dates in order, open deals have no close date', () => {
    for (const deal of deals) {
      const isFinal = deal.stage === 'won' || deal.stage === 'lost'
      expect(deal.closed_day === null).toBe(!isFinal)
      if (isFinal) expect(deal.closed_day).toBeGreaterThan(deal.opened_day)
      expect(deal.opened_day).toBeLessThanOrEqual(LAST_DAY)
      expect(deal.amount_cents).toBeGreaterThan(0)
    }
  })

  test('August is quiet, the last quarter is busy', () => {
    const inMonth = (month: number) => deals.filter((deal) => monthOf(deal.opened_day) === month).length
    expect(inMonth(7)).toBeLessThan(inMonth(9))
  })

  test('referrals win more often than advertising', () => {
    const rate = (source: string) => {
      const closed = deals.filter((deal) => deal.source === source && deal.closed_day !== null)
      return closed.filter((deal) => deal.stage === 'won').length / closed.length
    }
    expect(rate('referral')).toBeGreaterThan(rate('advertising') + 0.15)
  })

  test('owners and teams belong to the organisation of the deal, payments sum to its amount', () => {
    const memberOf = new Map((data.memberships ?? []).map((each) => [each.user_id, each.organization_id]))
    const paid = new Map<number, number>()
    for (const payment of data.payments ?? [])
      paid.set(payment.deal_id, (paid.get(payment.deal_id) ?? 0) + payment.amount_cents)
    for (const deal of deals) {
      expect(memberOf.get(deal.owner_id)).toBe(deal.organization_id)
      if (deal.stage === 'won') expect(paid.get(deal.id)).toBe(deal.amount_cents)
    }
  })
})
