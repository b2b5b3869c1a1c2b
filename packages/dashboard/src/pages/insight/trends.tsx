// Where the cache is heading: how its figures move from day to day, and what they will be a day from now, each with its interval.
import { type Range, type Trend, useTrends } from '../../api/insight.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import type { Numbers } from '../../format/numbers.ts'
import { Answer } from '../../parts/answer.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Word } from '../../parts/words.tsx'

const NAMES: Readonly<Record<string, string>> = {
  hit_ratio: 'Hit ratio',
  requests_per_second: 'Requests a second',
  loads_per_second: 'Loads a second',
  get_p95_ms: 'p95 of a get',
  bytes: 'Memory',
}

export function Trends({ cache }: { readonly cache: string }) {
  const { numbers } = useDashboard()
  const { offers } = useAccess()
  const trends = useTrends(cache)
  if (!offers('GET', 'metrics/trends/')) return null
  return (
    <Section title="Where it is heading" note="from the last 30 days; ranges hold in 95 of 100 cases">
      <Answer query={trends} what="The trends">
        {({ trends: rows }) => (
          <Table
            caption="Trends and forecasts"
            rows={rows}
            isDense
            keyOf={({ name }: Trend) => name}
            columns={[
              { name: 'Figure', cell: ({ name }) => NAMES[name] ?? name },
              { name: 'Now', isNumber: true, cell: ({ name, now }) => shown(numbers, name, now) },
              {
                name: 'A day more',
                isNumber: true,
                cell: ({ name, per_day: perDay, direction }) =>
                  perDay === null ? (
                    <Word tone="unknown">not enough data</Word>
                  ) : direction === 'steady' ? (
                    'steady'
                  ) : (
                    `${direction}: ${ranged(numbers, name, perDay)}`
                  ),
              },
              {
                name: 'Then',
                isNumber: true,
                cell: ({ name, forecast }) => {
                  const last = forecast?.steps.at(-1)
                  if (forecast === null || last === undefined) return <Word tone="unknown">not enough data</Word>
                  const hours = numbers.short((forecast.steps.length * forecast.step_seconds) / 3600)
                  return `in ${hours} h ${ranged(numbers, name, last)}`
                },
              },
              {
                name: 'How that is known',
                folded: 'wide',
                cell: ({ forecast, why }) =>
                  forecast === null ? why.join('; ') : `${forecast.by}${forecast.is_naive ? ': nothing foresaw the past better' : ''}`,
              },
            ]}
          />
        )}
      </Answer>
    </Section>
  )
}

const ranged = (numbers: Numbers, name: string, { value, low, high }: Range): string =>
  `${shown(numbers, name, value)} (${shown(numbers, name, low)} to ${shown(numbers, name, high)})`

function shown(numbers: Numbers, name: string, value: number | null): string {
  if (value === null) return 'not known'
  const sign = value < 0 ? '\u2212' : ''
  const size = Math.abs(value)
  const figure = name === 'hit_ratio' ? numbers.percent(size) : name === 'bytes' ? numbers.bytes(size) : undefined
  if (figure !== undefined) return `${sign}${figure.value} ${figure.unit}`
  return `${sign}${numbers.short(size)}${name === 'get_p95_ms' ? ' ms' : ''}`
}
