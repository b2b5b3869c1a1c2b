// Small programs, every schedule: nothing that happens rarely may be missed because it is rare.
import { describe, expect, test } from 'vitest'
import type { LaneStep, Simulation, WorldStep } from '../../src/testing/simulator.ts'
import { explore } from './explore.ts'
import { open } from './open.ts'

const load: LaneStep = { do: 'getOrSet', key: 'a' }
const byHand: LaneStep = { do: 'lease', key: 'a' }
const write = (tell: 'delete' | 'set' | 'tag' | 'clear' | 'through'): LaneStep => ({ do: 'write', key: 'a', tell })

function twoProcesses(first: LaneStep[], second: LaneStep[], world: WorldStep[] = []): Simulation {
  return {
    processes: 2,
    lanes: [
      { process: 0, steps: first },
      { process: 1, steps: second },
    ],
    world,
  }
}

const oneProcess = (first: LaneStep[], second: LaneStep[]): Simulation => ({
  processes: 1,
  lanes: [
    { process: 0, steps: first },
    { process: 0, steps: second },
  ],
  world: [],
})

/** `MILLPOND_RACES` above 1 looks one departure further. */
const FURTHER = Number(process.env.MILLPOND_RACES ?? 1) > 1 ? 1 : 0

async function holds(program: Simulation, departures: number): Promise<number> {
  const { schedules, found } = await explore(program, { open }, departures + FURTHER)
  const story = found && [
    ...found.result.verdict.violations.map(({ rule, what }) => `${rule}: ${what}`),
    JSON.stringify(found.departures),
    ...found.result.trace,
  ]
  expect(story, story?.join('\n')).toBeUndefined()
  return schedules
}

describe('every schedule of small programs within a few departures from oldest first', { timeout: 600_000 }, () => {
  for (const tell of ['delete', 'set', 'tag', 'clear', 'through'] as const) {
    test(`G1 G2: one process, a load against a write that tells by ${tell}`, async () => {
      expect(await holds(oneProcess([load], [write(tell), load]), 2)).toBeGreaterThan(100)
    })
    test(`G1 G2: one process, a lease against a write that tells by ${tell}`, async () => {
      expect(await holds(oneProcess([byHand], [write(tell), load]), 1)).toBeGreaterThan(15)
    })
    test(`G1 G3 G7: two processes, a load against a write that tells by ${tell}`, async () => {
      expect(await holds(twoProcesses([load, load], [write(tell), load]), 1)).toBeGreaterThan(30)
    })
  }
})
