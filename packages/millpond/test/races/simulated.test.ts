// Random programs under random schedules over a simulated shared tier: no interleaving may break a guarantee.
import { describe, expect, test } from 'vitest'
import { simulate } from '../../src/testing/simulator.ts'
import fc from '../properties.ts'
import { open } from './open.ts'
import { follow, type Race, type RaceOptions, races } from './programs.ts'

async function run({ program, choices }: Race): Promise<void> {
  const { ended, verdict, trace } = await simulate(program, { open, choose: follow(choices) })
  const found = verdict.violations.map(({ rule, what }) => `${rule}: ${what}`)
  expect({ ended, found }, trace.join('\n')).toEqual({ ended: true, found: [] })
  expect(verdict.counts.converged).toBeGreaterThan(0)
}

/** `MILLPOND_RACES` multiplies how many are tried. */
const TIMES = Number(process.env.MILLPOND_RACES ?? 1)

async function search(options: RaceOptions, numRuns: number): Promise<void> {
  const seed = TIMES > 1 ? Date.now() % 2 ** 31 : 20_261_121
  await fc.assert(fc.asyncProperty(races(options), run), { numRuns: numRuns * TIMES, seed })
}

describe('G1 G2 G3 G4 G6 G7 G8 G9: simulated races', () => {
  test('nothing fails, only the order of things', { timeout: 120_000 * TIMES }, () => search({ calm: true }, 300))
  test('links are cut, the server restarts, processes freeze and die', { timeout: 120_000 * TIMES }, () =>
    search({}, 400),
  )
})
