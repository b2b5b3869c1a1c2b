// Every trace at every size under every policy.
import { policyByName } from 'millpond/memory'
import { optimum } from './optimum.ts'
import { hitRatio } from './simulate.ts'
import type { Trace } from './trace.ts'

export const POLICIES = ['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive'] as const
export type Column = (typeof POLICIES)[number] | 'optimum'
export const COLUMNS: readonly Column[] = [...POLICIES, 'optimum']

/** One cell of the table. Ratios are hits in percent. */
export interface Cell {
  readonly trace: string
  /** The part of the unique keys that fits, or undefined for a size that was given in entries. */
  readonly part?: number
  readonly entries: number
  readonly ratios: Readonly<Record<Column, number>>
}

export function measure(trace: Trace, entries: number, part?: number): Cell {
  const ratios = {
    lru: 0,
    sieve: 0,
    's3-fifo': 0,
    'w-tinylfu': 0,
    adaptive: 0,
    optimum: optimum(trace, entries),
  }
  for (const name of POLICIES) ratios[name] = hitRatio(policyByName(name), trace, entries)
  return part === undefined ? { trace: trace.name, entries, ratios } : { trace: trace.name, part, entries, ratios }
}

export function mean(cells: readonly Cell[], column: Column): number {
  return cells.reduce((sum, cell) => sum + cell.ratios[column], 0) / cells.length
}

/** The cell where a policy falls furthest below LRU, in points; positive when it never does. */
export function worstAgainstLru(cells: readonly Cell[], column: Column): { readonly points: number; readonly cell: Cell | undefined } {
  let points = Number.POSITIVE_INFINITY
  let worst: Cell | undefined
  for (const cell of cells) {
    const ahead = cell.ratios[column] - cell.ratios.lru
    if (ahead >= points) continue
    points = ahead
    worst = cell
  }
  return { points, cell: worst }
}
