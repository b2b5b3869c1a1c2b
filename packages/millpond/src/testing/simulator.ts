// Several caches in one process over one simulated shared tier, in an order of steps that the caller chooses.
//
// Each call to the shared tier is two steps (there and back); each operation and each event of the world is one.
// `choose` decides which of the waiting steps happens next. The same choices give the same history, so that a failing
// one can be shrunk and kept. Time is simulated: it passes where the program says so, and when nothing else can happen.
import { checkHistory, type Verdict } from './checker.ts'
import type { HistoryLine } from './history.ts'
import type { Simulation, SimulationParts } from './simulator-program.ts'
import { inOrder } from './simulator-steps.ts'
import { World } from './simulator-world.ts'

export type { LaneStep, SimulatedCache, Simulation, SimulationParts, WorldStep } from './simulator-program.ts'

export interface SimulationResult {
  /** The judgement of the history. */
  readonly verdict: Verdict
  /** The history. */
  readonly lines: readonly HistoryLine[]
  /** The steps in the order in which they happened, for display. */
  readonly trace: readonly string[]
  /** It ended by itself: no lane is stuck. */
  readonly ended: boolean
}

/** Runs a program to its end, heals everything, waits two seconds, reads everything in every process, and judges. */
export async function simulate(program: Simulation, parts: SimulationParts): Promise<SimulationResult> {
  const world = new World(program, parts)
  const choose = parts.choose ?? inOrder
  const lanes = program.lanes.map((lane, index) => world.runLane(lane.process, index, lane.steps))
  const events = world.runWorld(program.world)
  const ended = await world.driveTo(Promise.all([...lanes, events]), choose)
  const settled = ended && (await world.driveTo(world.calmDown(), inOrder))
  const lines = world.finish()
  return { verdict: checkHistory(lines), lines, trace: world.steps.trace, ended: settled }
}
