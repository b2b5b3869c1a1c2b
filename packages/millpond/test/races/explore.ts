// Every schedule of a small program that departs from "oldest first" at most a few times.
import { type Simulation, type SimulationParts, type SimulationResult, simulate } from '../../src/testing/simulator.ts'

/** Where a schedule departs: at which choice, and which of the waiting steps is taken instead of the oldest. */
type Departures = ReadonlyMap<number, number>

export interface Exploration {
  readonly schedules: number
  readonly found:
    | { readonly departures: readonly (readonly [number, number])[]; readonly result: SimulationResult }
    | undefined
}

/**
 * All schedules with at most `departures` departures, those with fewer first (context bounds as in Musuvathi and
 * Qadeer's CHESS: most races need only one or two). Stops at the first that breaks a guarantee, or after `limit`
 * schedules.
 */
export async function explore(
  program: Simulation,
  parts: SimulationParts,
  departures: number,
  limit = Number.POSITIVE_INFINITY,
): Promise<Exploration> {
  let round: Departures[] = [new Map()]
  let schedules = 0
  for (let depth = 0; depth <= departures; depth++) {
    const next: Departures[] = []
    for (const plan of round) {
      if (schedules >= limit) return { schedules, found: undefined }
      const counts: number[] = []
      const result = await simulate(program, { ...parts, choose: departing(plan, counts) })
      schedules += 1
      if (!result.ended || result.verdict.outcome !== 'clean')
        return { schedules, found: { departures: [...plan], result } }
      if (depth < departures) next.push(...further(plan, counts))
    }
    round = next
  }
  return { schedules, found: undefined }
}

/** `counts` takes down how many steps waited at each choice. */
function departing(plan: Departures, counts: number[]): (count: number) => number {
  return (count) => {
    counts.push(count)
    return Math.min(plan.get(counts.length - 1) ?? 0, count - 1)
  }
}

/** One more departure, after the last. */
function further(plan: Departures, counts: readonly number[]): Departures[] {
  const last = Math.max(-1, ...plan.keys())
  return counts.flatMap((count, at) =>
    at > last ? Array.from({ length: count - 1 }, (_, pick) => new Map([...plan, [at, pick + 1] as const])) : [],
  )
}
