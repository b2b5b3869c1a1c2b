// The lists of Now: what fires, what changed, which namespaces hurt most, what would help.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Alert, Columns, NamespaceRow, Operation, Summary } from '../../api/types.ts'
import { Sparkline } from '../../charts/sparkline.tsx'
import { useAccess, useDashboard } from '../../context.tsx'
import { aim, causeShares } from '../../format/causes.ts'
import { Failure } from '../../parts/answer.tsx'
import { Icon } from '../../parts/icon.tsx'
import { useKeyName } from '../../parts/key-name.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Name, Time, Unit, vars } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'
import { useRange } from '../../shell/range.ts'
import { Silence } from '../alerts/silence.tsx'
import type { Change } from './changes.ts'

export const isCritical = ({ severity }: Alert): boolean => severity === 'critical' || severity === 'high'

/** Firing alerts, one line each, read as a sentence. */
export function AlertList({ alerts }: { readonly alerts: readonly Alert[] }) {
  const { client } = useDashboard()
  const { may, offers } = useAccess()
  const queries = useQueryClient()
  const resolve = useMutation({
    mutationFn: (id: string) => client.send('POST', `alerts/${id}/resolve/`, {}),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['alerts'] }),
  })
  return (
    <>
      {resolve.error !== null && <Failure error={resolve.error} what="The alert" />}
      <ul className="alerts">
        {alerts.map((alert) => (
          <li key={alert.id} className={isCritical(alert) ? 'critical' : 'warning'}>
            <span className={`tag-word ${isCritical(alert) ? 'is-critical' : 'is-warning'}`}>
              <Icon name={isCritical(alert) ? 'critical' : 'warning'} />
              {alert.severity.charAt(0).toUpperCase() + alert.severity.slice(1)}
            </span>
            <p>
              <b>{alert.cache_name}</b>: {alert.message}
            </p>
            <span className="note since">
              since <Time at={alert.since} />
            </span>
            <span className="row">
              <Silence alert={alert} />
              {may('alerts:resolve') && offers('POST', 'alerts/{id}/resolve/') && (
                <button type="button" className="btn btn-small" onClick={() => resolve.mutate(alert.id)} disabled={resolve.isPending}>
                  Resolve<span className="sr"> {alert.rule}</span>
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </>
  )
}

export function WhatChanged({ changes, from }: { readonly changes: readonly Change[]; readonly from: number }) {
  return (
    <Section title="What changed" note={<Link to="audit/">All changes</Link>} className="now-changes">
      {changes.length === 0 ? (
        <p className="note">No invalidation, no configuration and no deploy is known yet.</p>
      ) : (
        <ol className="changes">
          {changes.map((change) => (
            <li key={change.letter}>
              <span className={`flag ${change.at < from ? 'off' : ''}`} title={change.at < from ? 'before this span' : undefined}>
                {change.letter}
              </span>
              <Time at={change.at} />
              <div>
                <ChangeWords change={change} />
              </div>
            </li>
          ))}
        </ol>
      )}
    </Section>
  )
}

function ChangeWords({ change: { of } }: { readonly change: Change }) {
  const { numbers } = useDashboard()
  if (of.is === 'marker')
    return (
      <>
        <p>
          <b>{of.marker.kind}</b> {of.marker.message}
        </p>
        <p>{of.marker.actor}</p>
      </>
    )
  if (of.is === 'configuration')
    return (
      <>
        <p>
          <b>{of.configuration.name}</b>, version {of.configuration.version}
        </p>
        <p>
          <Link to={placeOf('configurations', { id: of.configuration.id })}>what it changed</Link>
        </p>
      </>
    )
  const { operation } = of
  return (
    <>
      <p>
        <b>
          <Aimed operation={operation} /> invalidated
        </b>
        {operation.request?.mode === 'soft' ? ', soft' : ', hard'}
        {operation.plan?.keys !== undefined && <>, {numbers.count(operation.plan.keys)} keys</>}
      </p>
      <p>
        {operation.actor}
        {operation.reason !== null && (
          <>
            {' '}
            · <bdi>{operation.reason}</bdi>
          </>
        )}
        {operation.state !== 'completed' && (
          <>
            {' '}
            · <span className={operation.state === 'running' ? undefined : 'is-critical'}>{operation.state}</span>
          </>
        )}
      </p>
      <p className="row">
        <Link to={placeOf('invalidate', { id: operation.id })} className="btn btn-small">
          See its answers
        </Link>
      </p>
    </>
  )
}

export function Aimed({ operation }: { readonly operation: Operation }) {
  const { kind, text, more } = aim(operation.request?.criteria, useKeyName())
  return (
    <>
      {kind.charAt(0).toUpperCase() + kind.slice(1)} {text !== '' && <Name>{text}</Name>}
      {more > 0 && ` and ${more} more`}
    </>
  )
}

/** By misses times what a load takes: what each has cost its source since its process began. */
export function Namespaces({ summary, series }: { readonly summary: Summary; readonly series: Columns['series'] | undefined }) {
  const { numbers } = useDashboard()
  const { label: span } = useRange()
  const courses = new Map(series?.filter(({ name }) => name === 'namespace_hit_ratio').map(({ labels, v }) => [labels.namespace, v]))
  const cost = ({ misses, load_avg_ms }: NamespaceRow): number => misses * (load_avg_ms ?? 1)
  const rows = [...summary.namespaces].sort((a, b) => cost(b) - cost(a)).slice(0, 12)
  const most = Math.max(1, ...rows.map(cost))
  return (
    <Section title="Namespaces by what they cost" note="misses × time of a load, since their processes began" className="now-spaces">
      <Table
        caption="Namespaces, costliest first"
        rows={rows}
        keyOf={({ name }) => name}
        toneOf={({ misses }) => (misses === 0 ? 'quiet' : undefined)}
        columns={[
          { name: 'Namespace', cell: (row) => <Link to={placeOf('keys', { cache: summary.cache_name, ns: row.name })}>{row.name}</Link> },
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
            : [{ name: `Last ${span}`, cell: (row: NamespaceRow) => <Course name={row.name} v={courses.get(row.name)} /> }]),
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
            name: 'A load takes',
            isNumber: true,
            cell: (row) => (row.load_avg_ms === null ? 'no data' : <Unit figure={numbers.ms(row.load_avg_ms)} />),
          },
          // A course needs its room.
          ...(courses.size === 0
            ? [{ name: 'Entries', isNumber: true, folded: 'skip' as const, cell: (row: NamespaceRow) => numbers.count(row.entries) }]
            : []),
          { name: 'Memory', isNumber: true, folded: 'skip', cell: (row) => <Unit figure={numbers.bytes(row.bytes)} /> },
        ]}
      />
    </Section>
  )
}

/** Hits of a namespace in the time that is looked at. */
function Course({ name, v = [] }: { readonly name: string; readonly v: readonly (number | null)[] | undefined }) {
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

/** Only what this caller may do, and what the server can do. */
export function WhatHelps({ changes, summary }: { readonly changes: readonly Change[]; readonly summary: Summary }) {
  const { may, offers } = useAccess()
  const { numbers } = useDashboard()
  const keyName = useKeyName()
  const invalidation = changes.find(({ of }) => of.is === 'invalidation')?.of
  const configuration = changes.find(({ of }) => of.is === 'configuration' && of.configuration.version > 1)?.of
  const [costliest] = [...summary.namespaces].sort((a, b) => b.misses - a.misses)
  const helps: { title: string; note: string; place: string; verb: string }[] = []
  if (invalidation?.is === 'invalidation' && may('warm') && offers('POST', 'invalidations/{id}/undo/'))
    helps.push({
      title: 'Warm the hottest of what was invalidated',
      note: `${aim(invalidation.operation.request?.criteria, keyName).text || 'everything'}: loaded again before it is asked for`,
      place: placeOf('invalidate', { id: invalidation.operation.id }),
      verb: 'Undo…',
    })
  if (configuration?.is === 'configuration' && may('config:write'))
    helps.push({
      title: `Roll ${configuration.configuration.name} back`,
      note: `to version ${configuration.configuration.version - 1}; nothing is dropped`,
      place: placeOf('configurations', { id: configuration.configuration.id, version: configuration.configuration.version - 1 }),
      verb: 'Plan…',
    })
  if (offers('GET', 'explain/'))
    helps.push({
      title: 'Explain a miss',
      note:
        costliest === undefined
          ? 'what each tier has of a key, and who took it'
          : `${costliest.name} missed ${numbers.count(costliest.misses)} times`,
      place: placeOf('why', { cache: summary.cache_name }),
      verb: 'Why…',
    })
  if (may('invalidate') && offers('POST', 'invalidations/plan/'))
    helps.push({
      title: 'Invalidate what is wrong',
      note: 'by key, tag or pattern; the plan says what would go',
      place: placeOf('invalidate', { cache: summary.cache_name }),
      verb: 'Plan…',
    })
  return (
    <Section title="What would help" note="nothing is done yet" className="now-acts">
      {helps.length === 0 ? (
        <p className="note">Nothing that your role may do.</p>
      ) : (
        <ul className="actions">
          {helps.map(({ title, note, place, verb }, at) => (
            <li key={title}>
              <p className="strong">{title}</p>
              <p>{note}</p>
              <Link to={place} className={`btn ${at === 0 && invalidation !== undefined ? 'btn-primary' : ''}`}>
                {verb}
                <span className="sr"> {title}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Section>
  )
}
