// A cache for the simulator: as small as it can be, so that a run costs a few milliseconds.
import { createCache, memory } from '../../src/index.ts'
import type { SimulationParts } from '../../src/testing/simulator.ts'

export type Library = Pick<typeof import('../../src/index.ts'), 'createCache' | 'memory'>

export function opener(library: Library): SimulationParts['open'] {
  return ({ tier, clock }) =>
    library.createCache({ name: 'sim', tiers: [library.memory({ maxEntries: 16 }), tier], clock, random: () => 0.5 })
}

/** Caches of the sources as they are. */
export const open = opener({ createCache, memory })
