// Points as chart series: columns. Unknown values are null, never 0.
import { MOST_SPACES, type Point, readsIn } from './collector.ts'
import { mean, quantile, ratio } from './quantiles.ts'

export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly v: readonly (number | null)[]
}

type Read = (point: Point) => number | null

/** The most series of a cache: beyond them the least frequent are left out. */
const MOST_SERIES = 200
const LOWER = ['hits', 'misses', 'errors', 'read_bytes', 'written_bytes'] as const

export function seriesOf(points: readonly Point[]): Series[] {
  const series: Series[] = []
  const add = (name: string, labels: Record<string, string>, read: Read): void => {
    series.push({ name, labels, v: points.map((point) => rounded(read(point))) })
  }
  const rate =
    (counter: string): Read =>
    ({ counters, seconds }) =>
      seconds > 0 ? (counters[counter] ?? 0) / seconds : null
  add('hit_ratio', {}, ({ counters: { hits = 0, misses = 0 } }) => ratio(hits, hits + misses))
  add('requests_per_second', {}, ({ counters: { hits = 0, misses = 0 }, seconds }) =>
    seconds > 0 ? (hits + misses) / seconds : null,
  )
  for (const name of [
    'loads',
    'load_errors',
    'load_joins',
    'stale',
    'sets',
    'deletes',
    'invalidations',
    'evictions',
    'young_evictions',
  ])
    add(`${name}_per_second`, {}, rate(name))
  for (const op of ['get', 'set', 'load']) {
    add('latency_ms', { op, stat: 'avg' }, ({ counters }) => mean(counters, op))
    for (const q of [0.5, 0.95, 0.99])
      add('latency_ms', { op, stat: `p${q * 100}` }, ({ counters }) => quantile(counters, op, q))
  }
  for (const name of ['entries', 'bytes', 'max_bytes', 'nodes', 'late_nodes', 'process_bytes', 'health_score'])
    add(name, {}, ({ gauges }) => gauges[name] ?? null)
  for (const tier of tiersIn(points)) {
    for (const what of LOWER) add(`tier_${what}_per_second`, { tier }, rate(`tier.${tier}.${what}`))
    add('tier_latency_ms', { tier, stat: 'p99' }, ({ counters }) => quantile(counters, `tier.${tier}`, 0.99))
  }
  for (const cause of wordsIn(points, /^cause\.(\w+)$/)) add('misses_per_second', { cause }, rate(`cause.${cause}`))
  for (const namespace of busiestOf(points))
    add('namespace_hit_ratio', { namespace }, ({ spaces }) => {
      const [hits = 0, misses = 0] = readsIn(spaces, namespace) ?? []
      return ratio(hits, hits + misses)
    })
  return series.slice(0, MOST_SERIES)
}

export const tiersIn = (points: readonly Point[]): readonly string[] => wordsIn(points, /^tier\.(.+)\.errors$/)

/** The busiest namespaces. */
function busiestOf(points: readonly Point[]): readonly string[] {
  const reads = new Map<string, number>()
  for (const { spaces = {} } of points)
    for (const [name, [hits, misses]] of Object.entries(spaces)) reads.set(name, (reads.get(name) ?? 0) + hits + misses)
  return [...reads]
    .sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
    .slice(0, MOST_SPACES)
    .map(([name]) => name)
}

function wordsIn(points: readonly Point[], form: RegExp): readonly string[] {
  const words = new Set<string>()
  for (const { counters } of points)
    for (const name of Object.keys(counters)) {
      const word = form.exec(name)?.[1]
      if (word !== undefined) words.add(word)
    }
  return [...words].sort()
}

const rounded = (value: number | null): number | null => (value === null ? null : Math.round(value * 1e6) / 1e6)
