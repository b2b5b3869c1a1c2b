// One configuration: its versions and their changes; editing it, rolling it back, testing its connection, deleting it.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Changes, Configuration, ConfigurationVersion, Page } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { PageTitle, Section } from '../../parts/section.tsx'
import { Time, Unit } from '../../parts/words.tsx'
import { Link, placeOf, usePlace } from '../../place/place.tsx'
import { useLive } from '../../shell/live.tsx'
import { Remove } from '../access/remove.tsx'
import { Diff } from './diff.tsx'
import { EditConfiguration } from './edit.tsx'
import { changed, FIELD_NAMES, FIELDS, written } from './fields.ts'
import { RollBack } from './roll-back.tsx'
import { TestConnection } from './test-connection.tsx'

export function OneConfiguration({ id }: { readonly id: string }) {
  const { client, numbers } = useDashboard()
  const { may, offers } = useAccess()
  const { query, go } = usePlace()
  const live = useLive()
  const [open, setOpen] = useState<'edit' | 'roll back' | undefined>()
  const close = () => setOpen(undefined)
  const path = `configurations/${encodeURIComponent(id)}/` // the URL may contain anything
  const one = useQuery({
    queryKey: ['configurations', id],
    queryFn: ({ signal }) => client.get<Configuration>(path, {}, signal),
    refetchInterval: live.every(10_000),
  })
  const versions = useQuery({
    queryKey: ['configurations', id, 'versions'],
    queryFn: ({ signal }) => client.get<Page<ConfigurationVersion>>(`${path}versions/`, {}, signal),
    refetchInterval: live.every(10_000),
  })
  const mayChange = may('config:write')
  const all = versions.data?.data ?? []
  const wanted = Number(query.get('version') ?? one.data?.version)
  const shown = all.find(({ version }) => version === wanted)
  const before = all.find(({ version }) => version === wanted - 1)
  const target = shown !== undefined && shown.version !== one.data?.version ? shown : all[1]
  return (
    <Answer query={one} what="The configuration">
      {(view) => (
        <>
          <PageTitle
            crumbs={[
              <Link key="all" to="configurations/">
                Configurations
              </Link>,
              view.name,
            ]}
            title={view.name}
            say={
              <>
                {view.is_active ? 'Kept in' : 'Switched off; kept in'} {view.cache_type.replaceAll('_', ' ')},{' '}
                {view.strategy.replaceAll('_', ' ')}, for{' '}
                <b>
                  <Unit figure={numbers.span(view.ttl_seconds)} />
                </b>
                . Version {view.version} is in force since <Time at={view.updated_at} />.
              </>
            }
            actions={
              mayChange ? (
                <>
                  <Remove
                    path={path}
                    queryKey="configurations"
                    isSmall={false}
                    verb="Delete"
                    what={view.name}
                    then="Code that uses this name gets the defaults. Versions and audit rows are kept."
                    onRemoved={() => go('configurations/')}
                  />
                  <button type="button" className="btn" onClick={() => setOpen('edit')}>
                    Change…
                  </button>
                  {target !== undefined && (
                    <button type="button" className="btn btn-primary" onClick={() => setOpen('roll back')}>
                      Roll back to {target.version}…
                    </button>
                  )}
                </>
              ) : undefined
            }
          />
          <div className="cols">
            <Section title="Versions" note={`${all.length}, all kept`} className="span-4">
              <Answer query={versions} what="The list of versions">
                {() => (
                  <ol className="versions">
                    {all.map((each) => (
                      <li key={each.version}>
                        <Link
                          to={placeOf('configurations', { id, version: each.version })}
                          current={each.version === wanted ? 'true' : undefined}
                        >
                          <b>{each.version}</b>
                          <span>
                            {summary(
                              each,
                              all.find(({ version }) => version === each.version - 1),
                            )}
                          </span>
                          <span className="note">
                            <Time at={each.created_at} />
                          </span>
                          <small>
                            {each.actor}
                            {each.version === view.version && ' · in force'}
                            {each.reason !== null && ` · ${each.reason}`}
                          </small>
                        </Link>
                      </li>
                    ))}
                  </ol>
                )}
              </Answer>
            </Section>
            <div className="span-8 stack">
              {shown !== undefined && (
                <Section
                  title={`What version ${shown.version} changed`}
                  note={before === undefined ? 'the first' : `against ${before.version}`}
                >
                  <Diff
                    changes={changesOf(before, shown)}
                    from={before === undefined ? 'before' : String(before.version)}
                    to={String(shown.version)}
                  />
                </Section>
              )}
              {shown !== undefined && (
                <Section title={`All settings of version ${shown.version}`}>
                  <dl className="facts settings">
                    {FIELDS.map((field) => (
                      <div key={field}>
                        <dt>{FIELD_NAMES[field]}</dt>
                        <dd>{written(field, shown.document[field], numbers)}</dd>
                      </div>
                    ))}
                  </dl>
                </Section>
              )}
              {offers('POST', 'configurations/{id}/test_connection/') && <TestConnection id={view.id} />}
            </div>
          </div>
          {open === 'edit' && <EditConfiguration held={view} onClose={close} />}
          {open === 'roll back' && target !== undefined && <RollBack held={view} to={target} onClose={close} />}
        </>
      )}
    </Answer>
  )
}

export function changesOf(before: ConfigurationVersion | undefined, after: ConfigurationVersion): Changes {
  return Object.fromEntries(
    changed(before?.document, after.document).map((field) => [
      field,
      { from: before?.document[field] ?? null, to: after.document[field] },
    ]),
  )
}

function summary(after: ConfigurationVersion, before: ConfigurationVersion | undefined): string {
  if (before === undefined) return 'created'
  const fields = changed(before.document, after.document)
  const [first] = fields
  if (first === undefined) return 'nothing changed'
  const one = `${FIELD_NAMES[first]} ${String(before.document[first])} → ${String(after.document[first])}`
  return fields.length === 1 ? one : `${one}, ${fields.length - 1} more`
}
