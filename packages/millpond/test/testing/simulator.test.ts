// The simulator runs real caches over a simulated shared tier; the same choices give the same history.
import { describe, expect, test } from 'vitest'
import { createCache, memory } from '../../src/index.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { type Simulation, type SimulationParts, simulate } from '../../src/testing/simulator.ts'

const open: SimulationParts['open'] = ({ tier, clock }) =>
  createCache({ name: 'sim', tiers: [memory(), tier], clock, random: () => 0.5 })

const program: Simulation = {
  processes: 2,
  lanes: [
    {
      process: 0,
      steps: [
        { do: 'getOrSet', key: 'a' },
        { do: 'write', key: 'a', tell: 'delete' },
        { do: 'getOrSet', key: 'a' },
      ],
    },
    {
      process: 1,
      steps: [
        { do: 'getOrSet', key: 'a' },
        { do: 'getOrSet', key: 'a' },
        { do: 'peek', key: 'a' },
      ],
    },
  ],
  world: [{ world: 'pass', ms: 450 }],
}

describe('simulator', () => {
  test('runs a program to its end and judges it', async () => {
    const result = await simulate(program, { open })
    expect(result.ended).toBe(true)
    expect(result.verdict).toMatchObject({ outcome: 'clean', counts: { reads: 7, changes: 1, acked: 1, converged: 2 } })
  })
  test('the same choices give the same history', async () => {
    const run = async (seed: number) => {
      const random = seededRandom(seed)
      const { trace } = await simulate(program, { open, choose: (count) => random.below(count) })
      return trace
    }
    expect(await run(5)).toEqual(await run(5))
    expect(await run(5)).not.toEqual(await run(6))
  })
})
