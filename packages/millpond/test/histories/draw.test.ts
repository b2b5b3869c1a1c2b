// The draw of cells: each comes once before one comes again, and what a cell is made of is not tied to what else it is.
import { expect, test } from 'vitest'
import { type Cell, isSealed, nameCell, type SharedTier } from './plan.ts'
import { countCells, draw } from './run.ts'

const TIERS: readonly SharedTier[] = [
  'redis',
  'sqlite',
  'none',
  'sentinel',
  'cluster',
  'postgres',
  'memcached',
  'file',
  'ring',
  'regions',
]

function first(count: number, seed: number): Cell[] {
  const cells: Cell[] = []
  for (const cell of draw(seed, TIERS)) if (cells.push(cell) === count) break
  return cells
}

test('every cell of every tier comes once before one comes again, in another order under another seed', () => {
  const inAll = countCells(TIERS)
  const kinds = (seed: number) =>
    first(inAll, seed).map(({ shared, fault, policy, scope }) => `${shared} ${fault} ${policy} ${scope}`)
  expect(new Set(kinds(1)).size).toBe(inAll)
  expect(kinds(1).toSorted()).toEqual(kinds(2).toSorted())
  expect(kinds(1)).not.toEqual(kinds(2))
  expect(new Set(first(inAll + 20, 1).map(nameCell)).size).toBe(inAll + 20)
})

test('some half of the cells of each tier are sealed', () => {
  const cells = first(countCells(TIERS), 1)
  for (const shared of TIERS) {
    const own = cells.filter((cell) => cell.shared === shared)
    const sealed = own.filter(isSealed).length
    expect([shared, sealed > own.length / 5, sealed < own.length * 0.8]).toEqual([shared, true, true])
  }
})
