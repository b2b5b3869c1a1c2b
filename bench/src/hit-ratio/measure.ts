// Every trace at every size under every policy.
import { policyByName } from 'millpond/memory'
import { optimum } from './optimum.ts'
import { hitRatio } from './simulate.ts'
import type { Trace } from './trace.ts'

export const POLICIES = ['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive'] as const
export type Column = (typeof POLICIES)[number] | 'optimum'
export const COLUMNS: readonly Column[] = [...POLICIES, 'optimum']

/** Those whose choices do not depend on the hashes of keys. */
const UNHASHED: readonly string[] = ['lru', 'sieve']

/** One cell of the table. Ratios are hits in percent, the mean over the seeds of the hashes. */
export interface Cell {
  readonly trace: string
  /** The part of the unique keys that fits, or undefined for a size that was given in entries. */
  readonly part?: number
  readonly entries: number
  readonly ratios: Readonly<Record<Column, number>>
  /** The ratio of each seed: hashes are seeded in each process, so that two processes do not hit alike. */
  readonly bySeed: Readonly<Partial<Record<Column, readonly number[]>>>
}

/** Seeds of hashes, the same in each run; the first is that of tables with one. */
export const seeds = (count: number): number[] =>
  Array.from({ length: count }, (_, at) => Math.imul(0x9e3779b9, 2 * at + 1))

export function measure(trace: Trace, entries: number, part?: number, drawn: readonly number[] = seeds(1)): Cell {
  const ratios = {
    lru: 0,
    sieve: 0,
    's3-fifo': 0,
    'w-tinylfu': 0,
    adaptive: 0,
    optimum: optimum(trace, entries),
  }
  const bySeed: Partial<Record<Column, readonly number[]>> = {}
  for (const name of POLICIES) {
    const its = (UNHASHED.includes(name) ? drawn.slice(0, 1) : drawn).map((seed) =>
      hitRatio(policyByName(name), trace, entries, { seed }),
    )
    ratios[name] = its.reduce((sum, ratio) => sum + ratio, 0) / its.length
    if (its.length > 1) bySeed[name] = its
  }
  return { trace: trace.name, ...(part !== undefined && { part }), entries, ratios, bySeed }
}

/** Half of what the seeds are apart; undefined where there was one, or none that counts. */
export function spreadOf(cell: Cell, column: Column): number | undefined {
  const its = cell.bySeed[column]
  return its === undefined ? undefined : (Math.max(...its) - Math.min(...its)) / 2
}

export function mean(cells: readonly Cell[], column: Column): number {
  return cells.reduce((sum, cell) => sum + cell.ratios[column], 0) / cells.length
}

/** The cell where a policy falls furthest below LRU, in points; positive when it never does. */
export function worstAgainstLru(
  cells: readonly Cell[],
  column: Column,
  inWorstSeed = false,
): { readonly points: number; readonly cell: Cell | undefined } {
  let points = Number.POSITIVE_INFINITY
  let worst: Cell | undefined
  for (const cell of cells) {
    const its = cell.bySeed[column]
    const ahead = (inWorstSeed && its !== undefined ? Math.min(...its) : cell.ratios[column]) - cell.ratios.lru
    if (ahead >= points) continue
    points = ahead
    worst = cell
  }
  return { points, cell: worst }
}
