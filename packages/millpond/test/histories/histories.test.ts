// Real processes on real shared tiers under real faults, cells drawn by seed. The long form is `npm run histories`.
import { afterAll, describe, expect, test } from 'vitest'
import { describeWith } from '../services/index.ts'
import { compile } from './compile.mjs'
import type { Cell, SharedTier } from './plan.ts'
import { count, draw, isGood, newTally, runFairly, tell } from './run.ts'

/** Another seed draws other cells: `MILLPOND_SEED=7 npx vitest run packages/millpond/test/histories`. */
const SEED = Number(process.env.MILLPOND_SEED ?? 20_261_121)
const CELLS: Record<SharedTier, number> = { redis: 10, sqlite: 4, none: 2 }
const MS: Record<SharedTier, number> = { redis: 6000, sqlite: 5000, none: 2500 }

const compiled = compile()
const tally = newTally()

function cellsOf(shared: SharedTier): Cell[] {
  const cells: Cell[] = []
  for (const cell of draw(SEED, [shared], { ms: MS[shared] })) {
    if (cells.length === CELLS[shared]) break
    cells.push(cell)
  }
  return cells
}

function record(shared: SharedTier): void {
  for (const cell of cellsOf(shared)) {
    test(`${cell.fault}, write then ${cell.policy}, by ${cell.scope} (seed ${cell.seed})`, { timeout: 120_000 }, async (context) => {
      const result = await runFairly(cell, compiled)
      count(tally, result)
      expect(isGood(result), tell(result)).toBe(true)
      if (result.verdict.outcome === 'starved') context.skip('the machine was too busy for times to be judged: counts as not run')
      expect(result.verdict.counts.judged).toBeGreaterThan(100)
    })
  }
}

describe('G1 to G9: histories in memory alone', () => record('none'))
describe('G1 to G9: histories over one SQLite file', () => record('sqlite'))
describeWith('redis', 'G1 to G9: histories over Redis', () => record('redis'))

test('together at least 100,000 reads', (context) => {
  const planned = CELLS.none + CELLS.sqlite + CELLS.redis
  if (tally.clean < planned) context.skip(`only ${tally.clean} of ${planned} histories were run and clean`)
  expect(tally.reads).toBeGreaterThan(100_000)
})

afterAll(() => {
  const { clean, violated, starved, reads, acked } = tally
  console.log(
    `histories of seed ${SEED}: ${clean} clean, ${violated} violated, ${starved} not run for lack of CPU; ${reads} reads, ${acked} acked changes`,
  )
})
