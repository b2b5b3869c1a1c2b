// A second that the stream brings, taken into the columns of a chart.
import type { Columns, Known } from '../api/types.ts'

export interface Tick {
  readonly cache_name: string
  readonly t: number
  readonly series: readonly {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly v: Known
  }[]
}

/**
 * The second joins the last step, or begins the next. A step that is not over shows its newest second; once it is, the
 * next question brings its mean.
 */
export function withTick(columns: Columns, { t, series }: Tick): Columns {
  const step = columns.step_seconds
  const end = Math.ceil(t / step) * step
  const last = columns.t.at(-1)
  if (last !== undefined && end < last) return columns
  const isNext = last === undefined || end > last
  const at = isNext ? columns.t.length : columns.t.length - 1
  const now = new Map(series.map(({ name, labels, v }) => [nameOf(name, labels), v]))
  const first = isNext && columns.t.length > 1 ? 1 : 0
  const grown = columns.series.map((one) => {
    const v = [...one.v]
    v[at] = now.get(nameOf(one.name, one.labels)) ?? null
    return { ...one, v: v.slice(first) }
  })
  const known = new Set(columns.series.map(({ name, labels }) => nameOf(name, labels)))
  const fresh = series
    .filter(({ name, labels }) => !known.has(nameOf(name, labels)))
    .map((one) => ({ ...one, v: [...Array.from({ length: at }, () => null), one.v].slice(first) }))
  const times = [...columns.t]
  times[at] = end
  return { ...columns, t: times.slice(first), series: [...grown, ...fresh], partial_last: end > t }
}

const nameOf = (name: string, labels: Readonly<Record<string, string>>): string =>
  `${name} ${Object.values(labels).join(' ')}`
