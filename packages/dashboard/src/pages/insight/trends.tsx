// Trends: how metrics move from day to day, and their forecast for tomorrow, each with its interval.

import { type Range, type Trend, useTrends } from '../../api/insight.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import type { Numbers } from '../../format/numbers.ts'
import { capitalised } from '../../format/text.ts'
import { Answer } from '../../parts/answer.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Word } from '../../parts/words.tsx'
import { reasonsOf } from './reasons.ts'

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
    <Section title="Trends" note="from the last 30 days, with 95 % intervals">
      <Answer query={trends} what="The trends">
        {({ trends: rows }) => {
          if (rows.every(({ per_day: perDay, forecast }) => perDay === null && forecast === null))
            return <NowAlone rows={rows} />
          return (
            <>
              <Table
                caption="Trends and forecasts"
                rows={rows}
                isDense
                keyOf={({ name }: Trend) => name}
                columns={[
                  { name: 'Figure', cell: ({ name }) => NAMES[name] ?? name },
                  { name: 'Now', isNumber: true, cell: ({ name, now }) => shown(numbers, name, now) },
                  {
                    name: 'From day to day',
                    isNumber: true,
                    cell: ({ name, per_day: perDay, direction }) =>
                      perDay === null ? (
                        <Word tone="unknown">not enough data</Word>
                      ) : direction === 'steady' ? (
                        'steady'
                      ) : (
                        `${direction}: ${ranged(numbers, name, perDay, true)}`
                      ),
                  },
                  {
                    name: 'A day from now',
                    isNumber: true,
                    cell: ({ name, forecast }) => {
                      const last = forecast?.steps.at(-1)
                      if (forecast === null || last === undefined) return <Word tone="unknown">not enough data</Word>
                      const hours = numbers.short((forecast.steps.length * forecast.step_seconds) / 3600)
                      return hours === '24'
                        ? ranged(numbers, name, last)
                        : `in ${hours} h: ${ranged(numbers, name, last)}`
                    },
                  },
                  {
                    name: 'Method',
                    folded: 'wide',
                    cell: ({ forecast }) =>
                      forecast === null
                        ? ''
                        : `${forecast.by}${forecast.is_naive ? ': no method forecast the past better' : ''}`,
                  },
                ]}
              />
              <Reasons rows={rows} />
            </>
          )
        }}
      </Answer>
    </Section>
  )
}

/** What cannot be told, and why: each reason once. */
function Reasons({ rows }: { readonly rows: readonly Trend[] }) {
  return reasonsOf(rows).map(({ why, names }) => (
    <p className="note more" key={why}>
      {names.length === 0 ? capitalised(why) : `${names.map((name) => NAMES[name] ?? name).join(', ')}: ${why}`}.
    </p>
  ))
}

/** If nothing can be compared, a table would say so in every cell. */
function NowAlone({ rows }: { readonly rows: readonly Trend[] }) {
  const { numbers } = useDashboard()
  return (
    <>
      <dl className="facts settings" hidden={rows.every(({ now }) => now === null)}>
        {rows.map(({ name, now }) => (
          <div key={name}>
            <dt>{NAMES[name] ?? name}, now</dt>
            <dd className={now === null ? 'is-unknown' : undefined}>{shown(numbers, name, now)}</dd>
          </div>
        ))}
      </dl>
      <p className="note more">
        <Word tone="unknown">There is no forecast yet.</Word>
      </p>
      <Reasons rows={rows} />
    </>
  )
}

/** As many digits as distinguish the ends of the interval. */
function ranged(numbers: Numbers, name: string, { value, low, high }: Range, isChange = false): string {
  const [per, unit] = unitOf(numbers, name, Math.max(Math.abs(low), Math.abs(high)), isChange)
  const digits = digitsOf((high - low) / per, value / per)
  const [a, b, c] = [value, low, high].map((one) => numbers.fixed(one / per || 0, digits))
  return `${a}${unit} (${b} to ${c})`
}

/** The size of a unit, and its suffix. */
function unitOf(numbers: Numbers, name: string, size: number, isChange: boolean): readonly [per: number, unit: string] {
  if (name === 'hit_ratio') return [0.01, isChange ? ' points' : ' %']
  if (name === 'get_p95_ms') return [1, ' ms']
  if (name !== 'bytes' || size < 1) return [1, '']
  const { unit } = numbers.bytes(size)
  return [BYTES[unit] ?? 1, ` ${unit}`]
}

const BYTES: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 }
const MOST_DIGITS = 2

/** Two digits of the interval's width; without a width, three of the value. */
function digitsOf(width: number, value: number): number {
  const shown =
    width > 0 ? -Math.floor(Math.log10(width)) + 1 : value === 0 ? 0 : 2 - Math.floor(Math.log10(Math.abs(value)))
  return Math.min(MOST_DIGITS, Math.max(0, shown))
}

function shown(numbers: Numbers, name: string, value: number | null): string {
  if (value === null) return 'not known'
  const figure = name === 'hit_ratio' ? numbers.percent(value) : name === 'bytes' ? numbers.bytes(value) : undefined
  if (figure !== undefined) return `${figure.value} ${figure.unit}`
  return `${numbers.short(value)}${name === 'get_p95_ms' ? ' ms' : ''}`
}
