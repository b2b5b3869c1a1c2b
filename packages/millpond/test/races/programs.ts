// Random programs for the simulator, and the schedules to run them under.
import type { LaneStep, Simulation, WorldStep } from '../../src/testing/simulator.ts'
import type { Choose } from '../../src/testing/simulator-steps.ts'
import fc from '../properties.ts'

/** A program with its schedule: plain data, so that a failing one can be pasted into `kept.ts`. */
export interface Race {
  readonly program: Simulation
  /** Taken one after the other, each modulo how many steps wait; when they run out, the oldest step is taken. */
  readonly choices: readonly number[]
}

const keys = fc.constantFrom('a', 'b')

const laneSteps: fc.Arbitrary<LaneStep> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('getOrSet' as const, 'getOrSet' as const, 'lease' as const),
      key: keys,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'peek' as const, 'strong' as const), key: keys }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      key: keys,
      tell: fc.constantFrom('delete' as const, 'set' as const, 'tag' as const, 'clear' as const, 'through' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), key: keys }) },
)

const passing: fc.Arbitrary<WorldStep> = fc.record({
  world: fc.constant('pass' as const),
  ms: fc.constantFrom(1, 30, 120, 260, 420, 600),
})

const processes = fc.nat(1)
const troubles: fc.Arbitrary<WorldStep> = fc.oneof(
  fc.constant({ world: 'save' as const }),
  fc.record({ world: fc.constant('restart' as const), how: fc.constantFrom('empty' as const, 'saved' as const) }),
  fc.constant({ world: 'lose-record' as const }),
  fc.record({
    world: fc.constant('cut' as const),
    process: processes,
    how: fc.constantFrom('held' as const, 'reset' as const),
  }),
  fc.record({ world: fc.constant('heal' as const), process: processes }),
  fc.record({ world: fc.constant('freeze' as const), process: processes, ms: fc.constantFrom(100, 450, 900) }),
  fc.record({ world: fc.constant('kill' as const), process: processes }),
)

export interface RaceOptions {
  /** Nothing fails but the order of things. */
  readonly calm?: boolean
  readonly maxSteps?: number
}

export function races({ calm = false, maxSteps = 5 }: RaceOptions = {}): fc.Arbitrary<Race> {
  const steps = fc.array(laneSteps, { minLength: 1, maxLength: maxSteps })
  const world = fc.array(calm ? passing : fc.oneof(passing, troubles), { maxLength: 7 })
  return fc
    .record({
      lanes: fc.tuple(steps, steps, steps),
      world,
      targets: fc.constantFrom(undefined, undefined, 2),
      choices: fc.array(fc.nat(11), { maxLength: 250 }),
    })
    .map(({ lanes: [first, second, third], world: events, targets, choices }) => ({
      program: {
        processes: 2,
        lanes: [
          { process: 0, steps: first },
          { process: 0, steps: second },
          { process: 1, steps: third },
        ],
        world: events,
        ...(targets === undefined ? {} : { targets }),
      },
      choices,
    }))
}

/** Takes the choices one after the other, then always the oldest step. */
export function follow(choices: readonly number[]): Choose {
  let at = 0
  return (count) => (choices[at++] ?? 0) % count
}
