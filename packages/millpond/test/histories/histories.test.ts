// Real processes on real shared tiers under real faults, each fault once, its cell drawn by seed. The long form is `npm run histories`.
import { afterAll, describe, expect, test } from 'vitest'
import { FAULTS, type FaultName } from '../../src/testing/nemesis.ts'
import { describeWith } from '../services/index.ts'
import { compile } from './compile.mjs'
import { type Cell, drawCells, type SharedTier } from './plan.ts'
import { count, isGood, newTally, runFairly, tell } from './run.ts'

/** Another seed draws other cells: `MILLPOND_SEED=7 npx vitest run packages/millpond/test/histories`. */
const SEED = Number(process.env.MILLPOND_SEED ?? 20_261_121)
/** With the other cells some 100,000 reads. */
const REDIS_MS = 3500
/** Of everything else one cell or two: where a server takes long to start and to recover, that is most of the time. The long form has all of them. */
const ONE_MS = 2500

const compiled = compile()
const tally = newTally()
let planned = 0

/** For each fault the first cell that the seed draws. */
function drawFor(shared: SharedTier, faults: readonly FaultName[], settings: Partial<Cell> = {}): Cell[] {
  const cells = drawCells(shared, SEED, faults, { ms: ONE_MS, ...settings })
  return faults.map((fault) => cells.find((cell) => cell.fault === fault) ?? expect.fail(`no cell of ${fault}`))
}

function record(cells: readonly Cell[]): void {
  planned += cells.length
  for (const cell of cells) {
    test(`${cell.fault}, write then ${cell.policy}, by ${cell.scope} (seed ${cell.seed})`, { timeout: 120_000 }, async (context) => {
      const result = await runFairly(cell, compiled)
      count(tally, result)
      expect(isGood(result), tell(result)).toBe(true)
      if (result.verdict.outcome === 'starved') context.skip('not run: the machine was too busy for times to be judged')
      expect(result.verdict.counts.judged).toBeGreaterThan(100)
    })
  }
}

describe('G1 to G9: a history in memory alone', () => record(drawFor('none', ['process-stopped'], { processes: 1 })))
describe('G1 to G9: histories over one SQLite file', () => record(drawFor('sqlite', ['file-locked', 'process-killed'])))
describeWith('redis', 'G1 to G9: histories over Redis', () => record(drawFor('redis', FAULTS, { ms: REDIS_MS })))
describeWith('redis', 'G1 to G9: a history over a Sentinel group', () => record(drawFor('sentinel', ['master-killed'])))
describeWith('redis', 'G1 to G9: a history over a Redis Cluster', () => record(drawFor('cluster', ['master-killed'])))
describeWith('memcached', 'G1 to G9: a history over Memcached beside a Redis ledger', () =>
  record(drawFor('memcached', ['server-emptied'])),
)
describe('G1 to G9: a history over a folder beside a SQLite ledger', () => record(drawFor('file', ['process-killed'])))
describeWith('postgres', 'G1 to G9: a history over PostgreSQL', () => record(drawFor('postgres', ['server-restarted'])))

describeWith('redis', 'G1 to G9: all of these', () => {
  test('are together at least 100,000 reads: a machine that reads slower runs more of the cells', { timeout: 240_000 }, async (context) => {
    if (tally.clean < planned) context.skip(`only ${tally.clean} of ${planned} histories were run and clean`)
    for (const cell of drawCells('redis', SEED + 1, FAULTS, { ms: REDIS_MS })) {
      if (tally.reads >= 100_000) break
      const result = await runFairly(cell, compiled)
      count(tally, result)
      expect(isGood(result), tell(result)).toBe(true)
    }
    expect(tally.reads).toBeGreaterThanOrEqual(100_000)
  })
})

afterAll(() => {
  const { clean, violated, starved, reads, acked } = tally
  console.log(
    `histories of seed ${SEED}: ${clean} clean, ${violated} violated, ${starved} not run for lack of CPU; ${reads} reads, ${acked} acked changes`,
  )
})
