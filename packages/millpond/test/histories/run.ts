// Runs cell after cell, and says what came of them.
import type { Limits } from '../../src/testing/checker.ts'
import { ANSWER_FAULTS, FAULTS, type FaultName, REGION_FAULTS, RING_FAULTS } from '../../src/testing/nemesis.ts'
import { type CellResult, runCell } from './cell.ts'
import { type Cell, drawCells, nameCell, REGION_LAG_MS, regionOf, type SharedTier } from './plan.ts'

/** What a file on one host can suffer: it has no server and no link. */
const FILE_FAULTS: readonly FaultName[] = ['none', 'file-locked', 'process-stopped', 'process-killed']
/** Beside the eight: the network that changes bytes, and plain days. */
const SERVER_FAULTS: readonly FaultName[] = [...FAULTS, 'link-torn', 'link-garbled', 'none']

/**
 * A network that fails is the same to a group as to a server alone; what is their own is how one takes another's place.
 */
const FAULTS_OF: Record<SharedTier, readonly FaultName[]> = {
  redis: [...SERVER_FAULTS, ...ANSWER_FAULTS],
  sqlite: FILE_FAULTS,
  none: ['none', 'process-stopped'],
  sentinel: ['master-killed', 'master-frozen'],
  cluster: ['master-killed', 'slot-migrated'],
  postgres: ['server-restarted', 'server-paused'],
  memcached: SERVER_FAULTS.filter((fault) => fault !== 'server-rewound'),
  file: FILE_FAULTS,
  regions: [...REGION_FAULTS, 'process-stopped', 'process-killed', 'none'],
  ring: [...RING_FAULTS, 'process-stopped', 'process-killed', 'none'],
}
/** Of twenty cells. */
const TURNS: readonly SharedTier[] = [
  ...(['redis', 'redis', 'sqlite', 'redis', 'sentinel', 'redis', 'postgres', 'redis', 'none', 'cluster'] as const),
  ...(['redis', 'redis', 'postgres', 'memcached', 'file', 'redis', 'memcached'] as const),
  ...(['ring', 'redis', 'regions'] as const),
]

/**
 * An endless draw: every cell of all tiers comes once before one comes again. `only` leaves out every other fault.
 * Throws a `RangeError` when none of the tiers can suffer it.
 * @public of `npm run histories`, which finds it in the compiled copy.
 */
export function draw(
  seed: number,
  tiers: readonly SharedTier[],
  settings: Partial<Cell> = {},
  only?: string,
): Generator<Cell> {
  const faults = [...new Set(tiers.flatMap((tier) => FAULTS_OF[tier]))]
  if (!faults.some((fault) => only === undefined || fault === only)) {
    throw new RangeError(`${JSON.stringify(only)} is none of the faults of ${tiers.join(', ')}: ${faults.join(', ')}`)
  }
  return cellsOf(seed, tiers, settings, only)
}

/** How many there are before one comes again. @public likewise. */
export function countCells(tiers: readonly SharedTier[], only?: string): number {
  return roundOf(0, tiers, {}, only).length
}

function* cellsOf(
  seed: number,
  tiers: readonly SharedTier[],
  settings: Partial<Cell>,
  only: string | undefined,
): Generator<Cell> {
  for (let round = 0; ; round++) yield* roundOf(seed + round * 104_729, tiers, settings, only)
}

/** Tiers in turn, as long as they have cells left. */
function roundOf(
  seed: number,
  tiers: readonly SharedTier[],
  settings: Partial<Cell>,
  only: string | undefined,
): Cell[] {
  const stacks = new Map(
    tiers.map((shared) => {
      const faults = FAULTS_OF[shared].filter((fault) => only === undefined || fault === only)
      return [shared, drawCells(shared, seed, faults, shared === 'none' ? { ...settings, processes: 1 } : settings)]
    }),
  )
  const cells: Cell[] = []
  for (let turn = 0; [...stacks.values()].some(({ length }) => length > 0); turn++) {
    const cell = stacks.get(TURNS[turn % TURNS.length] ?? 'redis')?.pop()
    if (cell !== undefined) cells.push(cell)
  }
  return cells
}

/**
 * Garbled numbers of the ledger can make anything look fresh; values must still be the key's own, and nothing may hang
 * or crash.
 */
const GARBLED: Limits = { rules: ['foreign', 'future', 'phantom', 'hang', 'untyped-error', 'failed-read'] }

/** Inside a region all is as ever. */
const IN_REGIONS: Limits = { regions: { of: regionOf, lagMs: REGION_LAG_MS } }

function limitsOf({ fault, shared }: Cell): Limits {
  if (shared === 'regions') return IN_REGIONS
  // What a Memcached's link garbles is a record, which shows it: the ledger's own link is whole.
  return fault === 'link-garbled' && shared !== 'memcached' ? GARBLED : {}
}

/** A starved run counts as not run: it is tried once more under half the load. */
export async function runFairly(cell: Cell, compiled: string): Promise<CellResult> {
  const limits = limitsOf(cell)
  const result = await runCell(cell, compiled, limits)
  if (result.verdict.outcome !== 'starved' || result.troubles.length > 0) return result
  return runCell({ ...cell, rate: cell.rate / 2 }, compiled, limits)
}

export interface Tally {
  clean: number
  violated: number
  starved: number
  reads: number
  acked: number
  readonly stale: { median: number; max: number }[]
}

export function newTally(): Tally {
  return { clean: 0, violated: 0, starved: 0, reads: 0, acked: 0, stale: [] }
}

export function isGood({ verdict, troubles }: CellResult): boolean {
  return verdict.outcome !== 'violated' && troubles.length === 0
}

export function count(tally: Tally, result: CellResult): void {
  const { verdict } = result
  if (!isGood(result)) tally.violated += 1
  else if (verdict.outcome === 'starved') tally.starved += 1
  else tally.clean += 1
  tally.reads += verdict.counts.reads
  tally.acked += verdict.counts.acked
  if (verdict.staleMs.count > 0) tally.stale.push(verdict.staleMs)
}

/** One line for people; for a finding, the first few and where the history was kept. */
export function tell(result: CellResult): string {
  const { cell, verdict, troubles, starved, keptAt } = result
  const { counts, staleMs } = verdict
  const outcome = isGood(result) ? verdict.outcome : 'VIOLATED'
  const figures = `${counts.reads} reads, ${counts.acked} acks, stale in others ${staleMs.median.toFixed(1)} ms median ${staleMs.max.toFixed(0)} ms at most`
  const suspects = counts.suspects > 0 ? `, ${counts.suspects} not judged for lag` : ''
  const lines = [`${outcome.padEnd(8)} ${nameCell(cell)}: ${figures}${suspects}`]
  for (const violation of verdict.violations.slice(0, 5))
    lines.push(`         ${violation.rule} ${violation.guarantee} ${violation.key ?? ''}: ${violation.what}`)
  if (starved !== undefined) lines.push(`         not run to its end: ${starved}`)
  for (const trouble of troubles) lines.push(`         ${trouble}`)
  if (keptAt !== undefined) lines.push(`         kept at ${keptAt}`)
  return lines.join('\n')
}
