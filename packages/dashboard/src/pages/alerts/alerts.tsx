// Alerts, firing and past, with their values and who resolved them.
import { useAlerts } from '../../api/queries.ts'
import type { Alert } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { PageTitle, Section, State } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/words.tsx'
import { Link } from '../../place/place.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import { AlertList } from '../now/parts.tsx'
import { Rules } from './rules.tsx'
import { Silences } from './silences.tsx'

export function Alerts() {
  const { offers } = useAccess()
  if (!offers('GET', 'alerts/'))
    return (
      <NotInstalled title="No alerts are kept here" route="GET alerts/">
        <p>What is firing, since when, how far over its threshold, and what to do.</p>
      </NotInstalled>
    )
  return <AlertPage />
}

function AlertPage() {
  const { numbers } = useDashboard()
  const firing = useAlerts('firing')
  const resolved = useAlerts('resolved')
  const known = (value: number | null): string => (value === null ? 'no data' : numbers.short(value))
  return (
    <Answer query={firing} what="The list of alerts">
      {({ data }) => (
        <div className="stack-wide">
          {data.length === 0 ? (
            <State label="Alerts" title="Nothing is firing" level="h1">
              <p>{lastWords(resolved.data?.data ?? [])}</p>
              <p className="row">
                <Link to="" className="btn">
                  See Now
                </Link>
              </p>
            </State>
          ) : (
            <div>
              <PageTitle
                title={data.length === 1 ? 'One alert is firing' : `${data.length} alerts are firing`}
                say="Each alert is raised once, updated while it fires, and resolved automatically when its cause is gone."
              />
              <AlertList alerts={data} />
            </div>
          )}
          <Section title="Resolved" note="newest first, the last 100">
            <Answer query={resolved} what="The history of alerts">
              {(page) =>
                page.data.length === 0 ? (
                  <p>None yet.</p>
                ) : (
                  <Table
                    caption="Resolved alerts, newest first"
                    rows={page.data}
                    keyOf={({ id }) => id}
                    columns={[
                      { name: 'What', cell: (row) => row.message },
                      { name: 'Severity', folded: 'right', cell: (row) => row.severity },
                      { name: 'Cache', cell: (row) => row.cache_name },
                      { name: 'Value', isNumber: true, cell: (row) => known(row.value) },
                      { name: 'Threshold', isNumber: true, cell: (row) => known(row.threshold) },
                      { name: 'Since', cell: (row) => <Time at={row.since} /> },
                      {
                        name: 'Ended',
                        cell: (row) => (row.resolved_at === null ? 'not known' : <Time at={row.resolved_at} />),
                      },
                      {
                        name: 'By',
                        folded: 'wide',
                        cell: (row) => [row.resolved_by ?? 'not known', row.note].filter(Boolean).join(': '),
                      },
                    ]}
                  />
                )
              }
            </Answer>
          </Section>
          <Silences />
          <Rules />
        </div>
      )}
    </Answer>
  )
}

function lastWords([last]: readonly Alert[]): string {
  return last === undefined
    ? 'No alert has fired since this control plane was set up.'
    : `The last resolved alert: ${last.message}`
}
