// What a history is recorded under: a cell of fault x write policy x scope over one shared tier, drawn by seed.
import { FAULTS, type FaultName } from '../../src/testing/nemesis.ts'
import { seededRandom } from '../../src/testing/random.ts'

/** After the source has committed: delete the key, set the new value, or invalidate a tag. */
export type Policy = 'delete' | 'set' | 'tags'
/** What one write concerns: a key, or all keys of a tag in one transaction. */
export type WriteScope = 'key' | 'tag'
/**
 * `memcached`: under memory, over a Redis that keeps the ledger and is not hurt. `file`: a folder over a SQLite file
 * that keeps it. `ring`: two Redis and a Memcached over a Redis that keeps it and is not hurt. `regions`: a Redis in
 * each of two regions.
 */
export type SharedTier =
  | 'redis'
  | 'sqlite'
  | 'none'
  | 'sentinel'
  | 'cluster'
  | 'postgres'
  | 'memcached'
  | 'file'
  | 'ring'
  | 'regions'

export interface Cell {
  readonly seed: number
  readonly shared: SharedTier
  readonly fault: FaultName
  readonly policy: Policy
  readonly scope: WriteScope
  readonly processes: number
  readonly lanes: number
  /** How long the faults and the load go on, milliseconds. */
  readonly ms: number
  /** 1 is the usual load; smaller is calmer. */
  readonly rate: number
}

export const POLICIES: readonly Policy[] = ['delete', 'set', 'tags']
export const SCOPES: readonly WriteScope[] = ['key', 'tag']

export const KEYS = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7'] as const
/** Written often, now and then, seldom: an invalidation that is lost shows only while no other follows. */
export const WRITE_WEIGHTS = [8, 8, 3, 3, 1, 1, 1, 1] as const
/** Each tag stands on two neighbours. */
export const TAGS: ReadonlyMap<string, readonly string[]> = new Map([
  ['t0', ['k0', 'k1']],
  ['t1', ['k2', 'k3']],
  ['t2', ['k4', 'k5']],
  ['t3', ['k6', 'k7']],
])

export function tagOf(key: string): string {
  for (const [tag, keys] of TAGS) if (keys.includes(key)) return tag
  throw new Error(`${key} has no tag`)
}

const SETTINGS = { processes: 3, lanes: 3, ms: 6000, rate: 1 } as const

/** Every cell of faults x policies x scopes, shuffled by the seed: any prefix is a fair draw. */
export function drawCells(
  shared: SharedTier,
  seed: number,
  faults: readonly FaultName[] = FAULTS,
  settings: Partial<Cell> = {},
): Cell[] {
  const random = seededRandom(seed)
  const cells = faults.flatMap((fault) =>
    POLICIES.flatMap((policy) => SCOPES.map((scope) => ({ fault, policy, scope }))),
  )
  for (let at = cells.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    const here = cells[at]
    const there = cells[other]
    if (here === undefined || there === undefined) continue
    cells[at] = there
    cells[other] = here
  }
  return cells.map((cell) => ({ ...SETTINGS, ...settings, ...cell, shared, seed: random.below(2 ** 31) }))
}

/** Every second history is of sealed entries, which are judged by what they prove. */
export const isSealed = ({ seed }: Pick<Cell, 'seed'>): boolean => seed % 2 === 1

/** Of these every second hides keys and tags from tier and ledger. */
export const isHidden = ({ seed }: Pick<Cell, 'seed'>): boolean => seed % 4 === 3

/** How far regions may be behind each other, milliseconds. */
export const REGION_LAG_MS = 2000
const REGIONS = ['us', 'eu'] as const

/** Processes by their names, `p0.1`, or their numbers: those of even numbers are in the first region. */
export const regionOf = (process: string | number): (typeof REGIONS)[number] =>
  Number(String(process).match(/\d+/)?.[0] ?? 0) % 2 === 0 ? REGIONS[0] : REGIONS[1]

/**
 * Half of the histories whose first fault ends every delay begin with processes that load before they have heard the
 * other region.
 */
export const beginsFarApart = ({ fault, seed }: Pick<Cell, 'fault' | 'seed'>): boolean =>
  (fault === 'region-cut' || fault === 'region-slow') && Math.floor(seed / 4) % 2 === 1

/** Over two tiers half of the histories are of processes that change their routes all the while, each when it likes. */
export const isRerouted = ({ shared, seed }: Pick<Cell, 'shared' | 'seed'>): boolean =>
  (shared === 'memcached' || shared === 'file') && Math.floor(seed / 4) % 2 === 1

export function nameCell(cell: Cell): string {
  const { shared, fault, policy, scope, seed } = cell
  return `${shared}${isHidden(cell) ? ' hidden' : isSealed(cell) ? ' sealed' : ''}${isRerouted(cell) ? ' rerouted' : ''} ${fault} ${policy} ${scope} seed ${seed}`
}
