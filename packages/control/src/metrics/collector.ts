// Once a second: what every node of every cache has counted since the last time, added up. The last two minutes are
// kept here; `history.ts` keeps the rest.
import { addTo, type CacheReport, type Counters } from '../agent/figures.ts'
import type { Fleet, FleetNode } from '../fleet/fleet.ts'

/** One time step of one cache. */
export interface Point {
  /** Its end: epoch milliseconds of the store's clock. */
  readonly at: number
  readonly seconds: number
  readonly counters: Counters
  /** At the end: added over nodes. */
  readonly gauges: Counters
  /** Hits and misses of the busiest namespaces; absent from what earlier releases stored. */
  readonly spaces?: Spaces
}

type ReadsOfOne = readonly [hits: number, misses: number]
/** By namespace. */
export type Spaces = Readonly<Record<string, ReadsOfOne>>
type Reads = Map<string, ReadsOfOne>

/** Namespaces may have any name, including those of inherited object properties. */
export const readsIn = (spaces: Spaces | undefined, name: string): ReadsOfOne | undefined =>
  spaces !== undefined && Object.hasOwn(spaces, name) ? spaces[name] : undefined

/** The latest look at a cache. */
export interface FleetSnapshot {
  readonly nodes: readonly FleetNode[]
  readonly unseen: string | undefined
}

const KEPT = 120
/** A process that is not seen for a while, as its meeting place does not answer, continues where it was. */
const FORGOTTEN_MS = 3_600_000
/** A process that is older when it is first seen did not count what it reports since the last look. */
const YOUNG_SECONDS = 60
/** Namespaces that are recorded individually, the busiest of each step. */
export const MOST_SPACES = 10

interface Followed {
  /** The counters when it was last seen, by process start. */
  readonly seen: Map<string, { readonly at: number; readonly counters: Counters; readonly spaces: Spaces }>
  readonly points: Point[]
  snapshot: FleetSnapshot
  lastAt: number | undefined
}

export class Collector {
  readonly #fleet: Fleet
  readonly #caches = new Map<string, Followed>()

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  /** One step: a new point for each cache; none at the first look, which only sets the baseline. */
  async look(now: number): Promise<ReadonlyMap<string, Point>> {
    const points = new Map<string, Point>()
    for (const cache of this.#fleet.names) {
      const followed: Followed = this.#caches.get(cache) ?? {
        seen: new Map(),
        points: [],
        snapshot: { nodes: [], unseen: undefined },
        lastAt: undefined,
      }
      this.#caches.set(cache, followed)
      followed.snapshot = await this.#fleet.see(cache)
      const point = pointOf(followed, now)
      if (point === undefined) continue
      followed.points.push(point)
      if (followed.points.length > KEPT) followed.points.shift()
      points.set(cache, point)
    }
    return points
  }

  /** What is derived from the last look belongs to its point. */
  judged(cache: string, gauges: Counters): void {
    const last = this.#caches.get(cache)?.points.at(-1)
    if (last !== undefined) Object.assign(last.gauges, gauges)
  }

  /** As of the last look. */
  snapshot(cache: string): FleetSnapshot | undefined {
    return this.#caches.get(cache)?.snapshot
  }

  /** The last points, oldest first: of `seconds`, or a single one that took longer. */
  recent(cache: string, seconds = KEPT): readonly Point[] {
    return lastOf(this.#caches.get(cache)?.points ?? [], seconds)
  }
}

function pointOf(followed: Followed, now: number): Point | undefined {
  const { seen, lastAt, snapshot } = followed
  // A process whose figures are expensive to read repeats them for a while: that does not mean that nothing happened.
  const told = snapshot.nodes.filter(({ isLate, report }) => !isLate && report !== undefined)
  if (told.length > 0 && told.every(({ boot, report }) => report?.counters === seen.get(boot)?.counters))
    return undefined
  const counters: Record<string, number> = {}
  const gauges: Record<string, number> = { nodes: 0, late_nodes: 0 }
  const spaces: Reads = new Map()
  for (const { boot, isLate, report } of snapshot.nodes) {
    addTo(gauges, isLate ? { late_nodes: 1 } : { nodes: 1 })
    if (report === undefined) continue
    if (!isLate) addTo(gauges, report.gauges)
    const before = seen.get(boot)
    const after = { at: now, counters: report.counters, spaces: spacesOf(report) }
    if (before !== undefined) addTo(counters, since(before.counters, after.counters))
    else if (report.uptime_seconds <= YOUNG_SECONDS) addTo(counters, begunWith(after.counters))
    if (before !== undefined) addSpaces(spaces, before.spaces, after.spaces)
    seen.set(boot, after)
  }
  for (const [boot, { at }] of seen) if (now - at > FORGOTTEN_MS) seen.delete(boot)
  followed.lastAt = now
  return lastAt === undefined
    ? undefined
    : { at: now, seconds: (now - lastAt) / 1000, counters, gauges, spaces: busiest(spaces) }
}

function spacesOf({ namespaces }: CacheReport): Spaces {
  return Object.fromEntries(
    Object.entries(namespaces).map(([name, { counters }]) => [name, [counters.hits ?? 0, counters.misses ?? 0]]),
  )
}

/**
 * Only for namespaces in both looks: one that a process folds into `other` for a while is not counted again when it
 * comes back.
 */
function addSpaces(spaces: Reads, before: Spaces, after: Spaces): void {
  for (const [name, [hits, misses]] of Object.entries(after)) {
    const was = readsIn(before, name)
    if (was !== undefined) addReads(spaces, name, Math.max(0, hits - was[0]), Math.max(0, misses - was[1]))
  }
}

function addReads(spaces: Reads, name: string, hits: number, misses: number): void {
  if (hits + misses === 0) return
  const [before = 0, missed = 0] = spaces.get(name) ?? []
  spaces.set(name, [before + hits, missed + misses])
}

const busiest = (spaces: Reads): Spaces =>
  Object.fromEntries([...spaces].sort(([, a], [, b]) => b[0] + b[1] - a[0] - a[1]).slice(0, MOST_SPACES))

const since = (before: Counters, after: Counters): Counters =>
  Object.fromEntries(Object.entries(after).map(([name, value]) => [name, Math.max(0, value - (before[name] ?? 0))]))

/** A cache begins at zero; the CPU time is of the process, which may be older. */
const begunWith = ({ process_cpu_seconds: _, ...counters }: Counters): Counters => counters

/**
 * The last ones that add up to `seconds`: a step takes a second, or longer if a process pauses its reports. Looks are
 * not exact to the millisecond.
 */
export function lastOf(points: readonly Point[], seconds: number): readonly Point[] {
  let from = points.length
  for (let left = seconds - 0.5; from > 0 && left > 0; ) left -= points[--from]?.seconds ?? 0
  return points.slice(from)
}

/** Several steps as one. */
export function joined(points: readonly Point[]): Point | undefined {
  const last = points.at(-1)
  if (last === undefined) return undefined
  const counters: Record<string, number> = {}
  const spaces: Reads = new Map()
  let seconds = 0
  for (const point of points) {
    addTo(counters, point.counters)
    for (const [name, [hits, misses]] of Object.entries(point.spaces ?? {})) addReads(spaces, name, hits, misses)
    seconds += point.seconds
  }
  return { at: last.at, seconds, counters, gauges: last.gauges, spaces: busiest(spaces) }
}
