// Real processes on real shared tiers under real faults, cells drawn by seed. The long form is `npm run histories`.
import { afterAll, describe, expect, test } from 'vitest'
import type { FaultName } from '../../src/testing/nemesis.ts'
import { describeWith } from '../services/index.ts'
import { compile } from './compile.mjs'
import { type Cell, drawCells, type SharedTier } from './plan.ts'
import { count, draw, isGood, newTally, runFairly, tell } from './run.ts'

/** Another seed draws other cells: `MILLPOND_SEED=7 npx vitest run packages/millpond/test/histories`. */
const SEED = Number(process.env.MILLPOND_SEED ?? 20_261_121)
const CELLS = { redis: 10, sqlite: 4, none: 2 } as const
const MS = { redis: 6000, sqlite: 5000, none: 2500 } as const
/** One cell each of servers that take long to start and to recover; the long form has all of them. */
const ONE_MS = 2500

const compiled = compile()
const tally = newTally()
let planned = 0

function cellsOf(shared: keyof typeof CELLS): Cell[] {
  const cells: Cell[] = []
  for (const cell of draw(SEED, [shared], { ms: MS[shared] }, 'short')) {
    if (cells.length === CELLS[shared]) break
    cells.push(cell)
  }
  return cells
}

function drawSome(shared: SharedTier, count: number): Cell[] {
  const cells = draw(SEED, [shared], { ms: ONE_MS }, 'short')
  return Array.from({ length: count }, () => cells.next().value).filter((cell) => cell !== undefined)
}

function recordOne(shared: SharedTier, fault: FaultName): void {
  record(drawCells(shared, SEED, [fault], { ms: ONE_MS }).slice(0, 1))
}

function record(cells: readonly Cell[]): void {
  planned += cells.length
  for (const cell of cells) {
    test(`${cell.fault}, write then ${cell.policy}, by ${cell.scope} (seed ${cell.seed})`, { timeout: 120_000 }, async (context) => {
      const result = await runFairly(cell, compiled)
      count(tally, result)
      expect(isGood(result), tell(result)).toBe(true)
      if (result.verdict.outcome === 'starved') context.skip('the machine was too busy for times to be judged: counts as not run')
      expect(result.verdict.counts.judged).toBeGreaterThan(100)
    })
  }
}

describe('G1 to G9: histories in memory alone', () => record(cellsOf('none')))
describe('G1 to G9: histories over one SQLite file', () => record(cellsOf('sqlite')))
describeWith('redis', 'G1 to G9: histories over Redis', () => record(cellsOf('redis')))
describeWith('redis', 'G1 to G9: a history over a Sentinel group', () => recordOne('sentinel', 'master-killed'))
describeWith('redis', 'G1 to G9: a history over a Redis Cluster', () => recordOne('cluster', 'master-killed'))
describeWith('memcached', 'G1 to G9: histories over Memcached beside a Redis ledger', () => record(drawSome('memcached', 2)))
describe('G1 to G9: histories over a folder beside a SQLite ledger', () => record(drawSome('file', 2)))
describeWith('postgres', 'G1 to G9: a history over PostgreSQL', () => recordOne('postgres', 'server-restarted'))

test('together at least 100,000 reads', (context) => {
  if (tally.clean < planned) context.skip(`only ${tally.clean} of ${planned} histories were run and clean`)
  expect(tally.reads).toBeGreaterThan(100_000)
})

afterAll(() => {
  const { clean, violated, starved, reads, acked } = tally
  console.log(
    `histories of seed ${SEED}: ${clean} clean, ${violated} violated, ${starved} not run for lack of CPU; ${reads} reads, ${acked} acked changes`,
  )
})
