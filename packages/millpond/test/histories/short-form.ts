// The short form of the histories: real processes on real shared tiers under real faults, each fault once, its cell
// drawn by seed. The long form is `npm run histories`.
import { afterAll, expect, test } from 'vitest'
import type { FaultName } from '../../src/testing/nemesis.ts'
import { compile } from './compile.mjs'
import { type Cell, drawCells, type SharedTier } from './plan.ts'
import { count, isGood, newTally, runFairly, tell } from './run.ts'

/** Another seed draws other cells: `MILLPOND_SEED=7 npx vitest run packages/millpond/test/histories`. */
const SEED = Number(process.env.MILLPOND_SEED ?? 20_261_121)

export interface ShortForm {
  /** One test for each fault: the first cell that the seed draws. */
  record(shared: SharedTier, faults: readonly FaultName[], settings?: Partial<Cell>): void
  /** A last test: a machine that reads slower runs more of the cells. */
  expectReads(least: number, shared: SharedTier, faults: readonly FaultName[]): void
}

/** @param ms how long each fault and its load go on */
export function shortForm(name: string, ms: number): ShortForm {
  const compiled = compile()
  const tally = newTally()
  let planned = 0
  afterAll(() => {
    const { clean, violated, starved, reads, acked } = tally
    console.log(
      `${name} of seed ${SEED}: ${clean} clean, ${violated} violated, ${starved} not run for lack of CPU; ${reads} reads, ${acked} acked changes`,
    )
  })
  return {
    record(shared, faults, settings = {}) {
      const drawn = drawCells(shared, SEED, faults, { ms, ...settings })
      for (const fault of faults) {
        const cell = drawn.find((one) => one.fault === fault) ?? expect.fail(`no cell of ${fault}`)
        planned += 1
        test(`${cell.fault}, write then ${cell.policy}, by ${cell.scope} (seed ${cell.seed})`, {
          timeout: 120_000,
        }, async (context) => {
          const result = await runFairly(cell, compiled)
          count(tally, result)
          expect(isGood(result), tell(result)).toBe(true)
          if (result.verdict.outcome === 'starved')
            context.skip('not run: the machine was too busy for times to be judged')
          expect(result.verdict.counts.judged).toBeGreaterThan(100)
        })
      }
    },
    expectReads(least, shared, faults) {
      const title = `are together at least ${least} reads: a machine that reads slower runs more of the cells`
      test(title, { timeout: 240_000 }, async (context) => {
        if (tally.clean < planned) context.skip(`only ${tally.clean} of ${planned} histories were run and clean`)
        for (const cell of drawCells(shared, SEED + 1, faults, { ms })) {
          if (tally.reads >= least) break
          const result = await runFairly(cell, compiled)
          count(tally, result)
          expect(isGood(result), tell(result)).toBe(true)
        }
        expect(tally.reads).toBeGreaterThanOrEqual(least)
      })
    },
  }
}
