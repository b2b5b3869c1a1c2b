// The charts of Now: answers by source, hit ratio, latency. All over the same span, with the same letters.

import { useMemo } from 'react'
import { useColumns } from '../../api/queries.ts'
import type { Columns, Summary } from '../../api/types.ts'
import { type ChartReference, type ChartSeries, LiveChart } from '../../charts/live-chart.tsx'
import { type Hole, holes } from '../../charts/scale.ts'
import { useDashboard } from '../../context.tsx'
import { aim } from '../../format/causes.ts'
import { Answer } from '../../parts/answer.tsx'
import { sourceColor, sourceName, sourceShape } from '../../parts/source.tsx'
import { useServerNow } from '../../parts/words.tsx'
import { useRange } from '../../shell/range.ts'
import type { Change } from './changes.ts'

export function Charts({ summary, changes }: { readonly summary: Summary; readonly changes: readonly Change[] }) {
  const columns = useColumns(summary.cache_name)
  return (
    <Answer query={columns} what="The charts">
      {(data) => <ThreeCharts columns={data} summary={summary} changes={changes} />}
    </Answer>
  )
}

type Values = readonly (number | null)[]

/** With an unknown step in each gap, so that no line is drawn across it. */
function parted({ t, series }: Columns, between: readonly Hole[]): Pick<Columns, 't' | 'series'> {
  if (between.length === 0) return { t, series }
  const after = new Set(between.map(({ from }) => from))
  const into = <T,>(values: readonly T[], filler: (at: number) => T): readonly T[] =>
    values.flatMap((value, at) => (after.has(t[at] ?? 0) ? [value, filler(at)] : [value]))
  return {
    t: into(t, (at) => ((t[at] ?? 0) + (t[at + 1] ?? 0)) / 2),
    series: series.map((one) => ({ ...one, v: into(one.v, () => null) })),
  }
}

function ThreeCharts({
  columns: held,
  summary,
  changes,
}: {
  readonly columns: Columns
  readonly summary: Summary
  readonly changes: readonly Change[]
}) {
  const { numbers } = useDashboard()
  const range = useRange()
  const now = useServerNow(5000)
  const missing = useMemo(() => holes(held.t, held.step_seconds), [held])
  const columns = useMemo(() => parted(held, missing), [held, missing])
  const to = Math.max(now, (columns.t.at(-1) ?? 0) * 1000)
  const find = (name: string, labels: Readonly<Record<string, string>> = {}): Values | undefined =>
    columns.series.find(
      (each) => each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value),
    )?.v
  const marks = changes.map(({ at, letter, of }) => ({
    at,
    letter,
    title:
      of.is === 'invalidation'
        ? `${aim(of.operation.request?.criteria).kind} invalidated`
        : of.is === 'configuration'
          ? of.configuration.name
          : of.marker.message,
  }))
  const reads = find('requests_per_second') ?? []
  const shared = {
    t: columns.t,
    from: to - spanOf(columns.t, reads, to, range.ms),
    to,
    marks,
    isPartial: held.partial_last,
    missing,
    className: 'now-chart',
  }
  const ratio = find('hit_ratio') ?? []
  const misses = reads.map((value, at) =>
    value === null
      ? null
      : ratio[at] === null || ratio[at] === undefined
        ? value === 0
          ? 0
          : null
        : value * (1 - ratio[at]),
  )
  const tiers = summary.tiers.map(({ name }) => name)
  const answers: ChartSeries[] = [
    ...tiers.map((name) => ({
      name: sourceName(name),
      v: find('tier_hits_per_second', { tier: name }) ?? [],
      color: sourceColor(name),
      shape: sourceShape(name),
      fill: 'kept' as const,
    })),
    { name: 'Origin', v: misses, color: sourceColor('origin'), shape: sourceShape('origin'), fill: 'solid' as const },
  ]
  const percent = (values: Values): Values => values.map((value) => (value === null ? null : value * 100))
  const ofTier = (name: string): Values => {
    const hits = find('tier_hits_per_second', { tier: name }) ?? []
    const missed = find('tier_misses_per_second', { tier: name }) ?? []
    return hits.map((value, at) => {
      const all = (value ?? 0) + (missed[at] ?? 0)
      return value === null || all === 0 ? null : (100 * value) / all
    })
  }
  const hitRatios: ChartSeries[] = [
    { name: 'All', v: percent(ratio), color: 'var(--mp-ink)' },
    ...tiers.map((name) => ({
      name: sourceName(name),
      v: ofTier(name),
      color: sourceColor(name),
      shape: sourceShape(name),
      isThin: true,
    })),
  ]
  const loads = ['p50', 'p95', 'p99'].map((stat) => ({ stat, v: find('latency_ms', { op: 'load', stat }) ?? [] }))
  const latency: ChartSeries[] = loads.map(({ stat, v }, at) => ({
    name: stat,
    v,
    color: `var(--mp-series-${[1, 3, 2][at]})`,
    isThin: at < 2,
  }))
  const per = (value: number): string => numbers.short(value)
  return (
    <>
      <LiveChart
        {...shared}
        id="chart-answers"
        title="Answers by source"
        unit="reads/s"
        isStacked
        series={answers}
        format={per}
        summary={<Trend of="Origin" values={misses} unit="a second" />}
      />
      <LiveChart
        {...shared}
        id="chart-hit"
        title="Hit ratio by tier"
        unit="%"
        max={100}
        reference={expected(summary)}
        series={hitRatios}
        format={(value) => numbers.number(value, value > 99 && value < 100 ? 1 : 0)}
        summary={<Trend of="All tiers" values={percent(ratio)} unit="%" />}
      />
      <LiveChart
        {...shared}
        id="chart-latency"
        title="Latency of loads"
        unit="ms"
        series={latency}
        format={per}
        summary={<Trend of="p99 of a load" values={loads[2]?.v ?? []} unit="ms" />}
      />
    </>
  )
}

const MINUTE_MS = 60_000

/** The whole requested span; while little of it is known, shorter, so that the data fills two thirds. */
function spanOf(t: readonly number[], reads: Values, to: number, wanted: number): number {
  const begun = t.find((_, at) => typeof reads[at] === 'number')
  if (begun === undefined) return wanted
  return Math.min(wanted, Math.max(3 * MINUTE_MS, Math.ceil((1.5 * (to - begun * 1000)) / MINUTE_MS) * MINUTE_MS))
}

/** The reference of the hit ratio: the usual value at this hour of the week, or the target until it is known. */
function expected({ health }: Summary): ChartReference | undefined {
  const part = health.parts.find(({ name }) => name === 'hit_ratio')
  return part?.target == null || part.state !== 'known'
    ? undefined
    : { name: part.detail === null ? 'target' : 'usual', value: 100 * part.target }
}

function Trend({ of, values, unit }: { readonly of: string; readonly values: Values; readonly unit: string }) {
  const { numbers } = useDashboard()
  const known = values.filter((value): value is number => value !== null)
  const last = known.at(-1)
  if (last === undefined) return <>{of}: no data in this span yet.</>
  return (
    <>
      {of}: {numbers.short(last)} {unit} {typeof values.at(-1) === 'number' ? 'now' : 'when last seen'}, between{' '}
      {numbers.short(Math.min(...known))} and {numbers.short(Math.max(...known))} in this span.
    </>
  )
}
