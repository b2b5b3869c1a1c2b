// Counter samples: rates since the last look and over the last 10, 100 and 1,000 seconds. Windows that are not covered
// yet are unknown.
import { numberAt, type Row } from '../../connection/read.ts'

export const COUNTERS = [
  'hits',
  'misses',
  'loads',
  'load_errors',
  'stale',
  'sets',
  'deletes',
  'invalidations',
  'evictions',
] as const
export type Counter = (typeof COUNTERS)[number]
export const WINDOWS = [0, 10, 100, 1000] as const

interface Sample {
  readonly atMs: number
  readonly counts: Readonly<Record<Counter, number>>
}

const KEPT_MS = 1_010_000

export class Samples {
  readonly #samples: Sample[] = []

  add(atMs: number, summary: Row): void {
    const counts = Object.fromEntries(COUNTERS.map((name) => [name, numberAt(summary, 'total', name) ?? 0])) as Record<
      Counter,
      number
    > // its keys are COUNTERS
    const last = this.#samples.at(-1)
    // The counts of a process that left are gone: earlier samples are not comparable.
    if (last !== undefined && COUNTERS.some((name) => counts[name] < last.counts[name])) this.#samples.length = 0
    this.#samples.push({ atMs, counts })
    while (this.#samples[0] !== undefined && atMs - this.#samples[0].atMs > KEPT_MS) this.#samples.shift()
  }

  /** Per second; window 0 is the last look. Null: not covered yet. */
  rate(name: Counter, windowSeconds: number): number | null {
    const [from, to] = this.#between(windowSeconds)
    return from === undefined || to === undefined
      ? null
      : ((to.counts[name] - from.counts[name]) * 1000) / (to.atMs - from.atMs)
  }

  /** Share of reads that were hits. */
  hitRatio(windowSeconds: number): number | null {
    const [hits, misses] = [this.rate('hits', windowSeconds), this.rate('misses', windowSeconds)]
    return hits === null || misses === null || hits + misses === 0 ? null : hits / (hits + misses)
  }

  #between(windowSeconds: number): readonly [Sample | undefined, Sample | undefined] {
    const to = this.#samples.at(-1)
    if (windowSeconds === 0) return [this.#samples.at(-2), to]
    // A late tick does not make the window unknown.
    const since = (to?.atMs ?? 0) - windowSeconds * 1000
    const from = this.#samples.findLast(({ atMs }) => atMs <= since)
    return [from, to]
  }
}
