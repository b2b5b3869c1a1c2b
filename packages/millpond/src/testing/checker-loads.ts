// Judges that a process runs one load of a key at a time (G11), as far as this can be observed from outside.
import type { Violation } from './checker-key.ts'
import { countBelow, groupBy } from './group.ts'
import { isRead, type Load, type Operation, type Sweep } from './history.ts'

/** A peer's change outdates a load when its line arrives, which may be this long after. */
const GRACE_MS = 2500
/** A load that took this long may have met a hard timeout, which frees the key. */
const LONG_MS = 4000

export interface LoadContext {
  readonly tags: ReadonlyMap<string, readonly string[]>
  /** Spans in which an epoch may have changed, which outdates every load. */
  readonly faults: readonly { readonly start: number; readonly end: number }[]
  /** Steps that outdate every load in the region of their process. */
  readonly sweeps: readonly Sweep[]
  readonly regionOf: (process: string) => string
  report(violation: Violation): void
}

/** Two loads of a key overlap in one process only when something outdated the first. */
export function judgeLoads(loads: readonly Load[], operations: readonly Operation[], context: LoadContext): void {
  const pairs = overlaps(loads)
  if (pairs.length === 0) return
  const changes = new Map<string, Span[]>()
  for (const change of operations) {
    if (isRead(change)) continue
    const keys =
      change.op === 'clear'
        ? ['*']
        : change.tag === undefined
          ? [change.key ?? '']
          : (context.tags.get(change.tag) ?? [])
    for (const key of keys) {
      const spans = changes.get(key)
      if (spans === undefined) changes.set(key, [change])
      else spans.push(change)
    }
  }
  const touching = new Map([...changes].map(([key, spans]) => [key, touches(spans)]))
  const disturbed = touches(context.faults)
  const swept = new Map(
    [...groupBy(context.sweeps, ({ process }) => context.regionOf(process))].map(([region, sweeps]) => [
      region,
      touches(sweeps),
    ]),
  )
  for (const [first, second] of pairs) {
    const from = first.start - GRACE_MS
    const to = second.start
    const outdated = [first.key, '*'].some((key) => touching.get(key)?.(from, to)) || disturbed(from, to)
    if (outdated || swept.get(context.regionOf(first.process))?.(from, to)) continue
    const what = `two loads at a time in one process, the second ${(second.start - first.start).toFixed(1)} ms after the first`
    context.report({ rule: 'double-load', guarantee: 'G11', key: first.key, what })
  }
}

interface Span {
  readonly start: number
  readonly end: number
}

function overlaps(loads: readonly Load[]): [Load, Load][] {
  const pairs: [Load, Load][] = []
  for (const list of groupBy(loads, (load) => JSON.stringify([load.process, load.key])).values()) {
    list.sort((a, b) => a.start - b.start)
    let running: Load | undefined
    for (const load of list) {
      if (running !== undefined && load.start < running.end && running.end - running.start < LONG_MS)
        pairs.push([running, load])
      if (running === undefined || load.end > running.end) running = load
    }
  }
  return pairs
}

/** Answers whether some span touches [from, to]. */
function touches(spans: readonly Span[]): (from: number, to: number) => boolean {
  const sorted = [...spans].sort((a, b) => a.start - b.start)
  const starts = sorted.map((span) => span.start)
  let latest = Number.NEGATIVE_INFINITY
  const ends = sorted.map((span) => {
    latest = Math.max(latest, span.end)
    return latest
  })
  return (from, to) => (ends[countBelow(starts, to, true) - 1] ?? Number.NEGATIVE_INFINITY) >= from
}
