// Configurations: the list, or the one in the URL.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Configuration, Page } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { PageTitle, Section, State } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time, Unit, Word } from '../../parts/words.tsx'
import { Link, placeOf, usePlace } from '../../place/place.tsx'
import { useLive } from '../../shell/live.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import { EditConfiguration } from './edit.tsx'
import { OneConfiguration } from './one.tsx'

export function Configurations() {
  const { query } = usePlace()
  const access = useAccess()
  const id = query.get('id')
  if (!access.offers('GET', 'configurations/'))
    return <NotInstalled title="No configuration is stored here" route="GET configurations/" />
  return id === null ? <ConfigOverview /> : <OneConfiguration id={id} />
}

/** A table of every stored configuration, with the caller's actions. */
export function ConfigOverview() {
  const { client, numbers } = useDashboard()
  const { may, offers } = useAccess()
  const live = useLive()
  const [isMaking, setMaking] = useState(false)
  const list = useQuery({
    queryKey: ['configurations'],
    queryFn: ({ signal }) => client.get<Page<Configuration>>('configurations/', { limit: 200 }, signal),
    refetchInterval: live.every(10_000),
  })
  const canMake = may('config:write') && offers('POST', 'configurations/')
  const make = canMake ? (
    <button type="button" className="btn btn-primary" onClick={() => setMaking(true)}>
      New configuration…
    </button>
  ) : undefined
  return (
    <>
      <Answer query={list} what="The list of configurations">
        {({ data, has_more }) =>
          data.length === 0 ? (
            <State label="First run" title="No configuration is stored yet" level="h1">
              <p>
                A configuration names a cache and holds its tiers, TTL and size. Every change is a version; each can be
                rolled back.
              </p>
              <pre className="code">
                {"const stats = caches.get('org-stats')\nawait stats.getOrSet('org:42', () => loadStats(42))"}
              </pre>
              <p className="row">{make}</p>
            </State>
          ) : (
            <>
              <PageTitle
                title="Configurations"
                say="The settings of each cache. Every change is a version, stored with its author and reason."
                actions={make}
              />
              <Section title="In force" note={`${data.length}${has_more ? ' or more' : ''}`}>
                <Table
                  caption="Configurations in force"
                  rows={data}
                  keyOf={({ id }) => id}
                  toneOf={({ is_active }) => (is_active ? undefined : 'quiet')}
                  columns={[
                    {
                      name: 'Name',
                      cell: (row) => <Link to={placeOf('configurations', { id: row.id })}>{row.name}</Link>,
                    },
                    {
                      name: 'State',
                      folded: 'right',
                      cell: (row) =>
                        row.is_active ? (
                          'active'
                        ) : (
                          <Word tone="unknown" glyph="none">
                            switched off
                          </Word>
                        ),
                    },
                    { name: 'Kept in', cell: (row) => row.cache_type.replaceAll('_', ' ') },
                    { name: 'Strategy', cell: (row) => row.strategy.replaceAll('_', ' ') },
                    { name: 'TTL', isNumber: true, cell: (row) => <Unit figure={numbers.span(row.ttl_seconds)} /> },
                    {
                      name: 'Memory',
                      isNumber: true,
                      cell: (row) => <Unit figure={{ value: numbers.short(row.max_size_mb), unit: 'MB' }} />,
                    },
                    { name: 'Version', isNumber: true, cell: (row) => row.version },
                    { name: 'Changed', cell: (row) => <Time at={row.updated_at} relative /> },
                  ]}
                />
              </Section>
            </>
          )
        }
      </Answer>
      {isMaking && <EditConfiguration onClose={() => setMaking(false)} />}
    </>
  )
}
