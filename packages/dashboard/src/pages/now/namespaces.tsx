// Namespaces by what they have cost their source, with their hit ratios over time.
import type { Columns, NamespaceRow, Summary } from '../../api/types.ts'
import { Sparkline } from '../../charts/sparkline.tsx'
import { useDashboard } from '../../context.tsx'
import { causeShares } from '../../format/causes.ts'
import { REST } from '../../parts/namespace-field.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Unit, vars } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'
import { useRange } from '../../shell/range.ts'

const SHOWN = 12

/** The costliest: by misses times load time, since their processes started. */
export function Namespaces({
  summary,
  series,
}: {
  readonly summary: Summary
  readonly series: Columns['series'] | undefined
}) {
  const more = summary.namespaces.length - SHOWN
  return (
    <Section
      title="Namespaces by cost"
      note="misses × load time, since their processes started"
      className="now-spaces"
      footer={
        more > 0 ? (
          <Link to={placeOf('keys', { cache: summary.cache_name, by: 'namespace' })}>All namespaces</Link>
        ) : undefined
      }
    >
      <NamespaceTable summary={summary} series={series} most={SHOWN} />
    </Section>
  )
}

/** Costliest first. */
export function NamespaceTable({
  summary,
  series,
  most: shown,
}: {
  readonly summary: Summary
  readonly series: Columns['series'] | undefined
  readonly most?: number
}) {
  const { numbers } = useDashboard()
  const { label: span } = useRange()
  const courses = new Map(
    series?.filter(({ name }) => name === 'namespace_hit_ratio').map(({ labels, v }) => [labels.namespace, v]),
  )
  const cost = ({ misses, load_avg_ms }: NamespaceRow): number => misses * (load_avg_ms ?? 1)
  const rows = [...summary.namespaces].sort((a, b) => cost(b) - cost(a)).slice(0, shown)
  const most = Math.max(1, ...rows.map(cost))
  return (
    <Table
      caption="Namespaces, costliest first"
      rows={rows}
      keyOf={({ name }) => name}
      toneOf={({ misses }) => (misses === 0 ? 'quiet' : undefined)}
      columns={[
        {
          name: 'Namespace',
          cell: (row) =>
            row.name === REST ? (
              'all others'
            ) : (
              <Link to={placeOf('keys', { cache: summary.cache_name, ns: row.name })}>
                <bdi>{row.name}</bdi>
              </Link>
            ),
        },
        { name: 'Reads', isNumber: true, cell: (row) => numbers.count(row.hits + row.misses) },
        {
          name: 'Hit ratio',
          isNumber: true,
          cell: (row) =>
            row.hit_ratio === null ? (
              'no data'
            ) : (
              <b>
                <Unit figure={numbers.percent(row.hit_ratio)} />
              </b>
            ),
        },
        ...(courses.size === 0
          ? []
          : [
              {
                name: `Last ${span}`,
                cell: (row: NamespaceRow) => <Course name={row.name} v={courses.get(row.name)} />,
              },
            ]),
        {
          name: 'Misses',
          isNumber: true,
          cell: (row) => (
            <span className="bar-cell">
              <i style={vars({ '--v': (100 * cost(row)) / most })} />
              {numbers.count(row.misses)}
            </span>
          ),
        },
        { name: 'Main cause', cell: (row) => causeShares(row.miss_causes)[0]?.name ?? 'none' },
        {
          name: 'Load time',
          isNumber: true,
          cell: (row) => (row.load_avg_ms === null ? 'no data' : <Unit figure={numbers.ms(row.load_avg_ms)} />),
        },
        // A chart needs space.
        ...(courses.size === 0
          ? [
              {
                name: 'Entries',
                isNumber: true,
                folded: 'skip' as const,
                cell: (row: NamespaceRow) => numbers.count(row.entries),
              },
            ]
          : []),
        { name: 'Memory', isNumber: true, folded: 'skip', cell: (row) => <Unit figure={numbers.bytes(row.bytes)} /> },
      ]}
    />
  )
}

/** Hits of a namespace in the selected span. */
export function Course({
  name,
  v = [],
}: {
  readonly name: string
  readonly v: readonly (number | null)[] | undefined
}) {
  const { numbers } = useDashboard()
  const known = v.filter((value) => value !== null)
  if (known.length < 2) return <span className="quiet">no data</span>
  const [worst, best, last] = [Math.min(...known), Math.max(...known), known.at(-1) ?? 0]
  const text = (value: number): string => `${numbers.percent(value).value} ${numbers.percent(value).unit}`
  const said = `Hit ratio of ${name}: between ${text(worst)} and ${text(best)}, now ${text(last)}`
  return (
    <span className="spark-cell">
      <Sparkline label={said} v={v} min={0} max={1} />
    </span>
  )
}
