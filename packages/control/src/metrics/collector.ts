// Once a second: what every node of every cache has counted since the last time, added up. Kept for two minutes here; `history.ts` keeps the rest.
import { addTo, type Counters } from '../agent/figures.ts'
import type { Fleet, FleetNode } from '../fleet/fleet.ts'

/** One step of time of one cache. */
export interface Point {
  /** Its end: epoch milliseconds of the store's clock. */
  readonly at: number
  readonly seconds: number
  readonly counters: Counters
  /** At the end: added over nodes. */
  readonly gauges: Counters
}

/** What is seen of a cache now. */
export interface Sight {
  readonly nodes: readonly FleetNode[]
  readonly unseen: string | undefined
}

const KEPT = 120

interface Followed {
  /** What each life of a node had counted at the last look. */
  readonly seen: Map<string, Counters>
  readonly points: Point[]
  sight: Sight
  lastAt: number | undefined
}

export class Collector {
  readonly #fleet: Fleet
  readonly #caches = new Map<string, Followed>()

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  /** One step: of each cache its new point; none on the first look, which only says where counting begins. */
  async look(now: number): Promise<ReadonlyMap<string, Point>> {
    const points = new Map<string, Point>()
    for (const cache of this.#fleet.names) {
      const followed: Followed = this.#caches.get(cache) ?? {
        seen: new Map(),
        points: [],
        sight: { nodes: [], unseen: undefined },
        lastAt: undefined,
      }
      this.#caches.set(cache, followed)
      followed.sight = await this.#fleet.see(cache)
      const point = pointOf(followed, now)
      if (point === undefined) continue
      followed.points.push(point)
      if (followed.points.length > KEPT) followed.points.shift()
      points.set(cache, point)
    }
    return points
  }

  /** What was made of the last look belongs to its point. */
  judged(cache: string, gauges: Counters): void {
    const last = this.#caches.get(cache)?.points.at(-1)
    if (last !== undefined) Object.assign(last.gauges, gauges)
  }

  /** As of the last look. */
  sight(cache: string): Sight | undefined {
    return this.#caches.get(cache)?.sight
  }

  /** The last points, oldest first: of `seconds`, or one that took longer. */
  recent(cache: string, seconds = KEPT): readonly Point[] {
    return lastOf(this.#caches.get(cache)?.points ?? [], seconds)
  }
}

function pointOf(followed: Followed, now: number): Point | undefined {
  const { seen, lastAt, sight } = followed
  // A process whose figures are dear to read says the same again for a while: that is not a second in which nothing happened.
  const told = sight.nodes.filter(({ isLate, report }) => !isLate && report !== undefined)
  if (told.length > 0 && told.every(({ boot, report }) => report?.counters === seen.get(boot))) return undefined
  const counters: Record<string, number> = {}
  const gauges: Record<string, number> = { nodes: 0, late_nodes: 0 }
  const boots = new Set<string>()
  for (const { boot, isLate, report } of sight.nodes) {
    boots.add(boot)
    addTo(gauges, isLate ? { late_nodes: 1 } : { nodes: 1 })
    if (report === undefined) continue
    if (!isLate) addTo(gauges, report.gauges)
    addTo(counters, since(seen.get(boot), report.counters))
    seen.set(boot, report.counters)
  }
  for (const boot of seen.keys()) if (!boots.has(boot)) seen.delete(boot)
  followed.lastAt = now
  return lastAt === undefined ? undefined : { at: now, seconds: (now - lastAt) / 1000, counters, gauges }
}

/** A life that was not seen before begins at nothing. */
function since(before: Counters | undefined, after: Counters): Counters {
  if (before === undefined) return after
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, Math.max(0, value - (before[name] ?? 0))]))
}

/** The last ones that are `seconds` together: a step takes a second, and longer where a process rests. Looks are not exact to the millisecond. */
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
  let seconds = 0
  for (const point of points) {
    addTo(counters, point.counters)
    seconds += point.seconds
  }
  return { at: last.at, seconds, counters, gauges: last.gauges }
}
