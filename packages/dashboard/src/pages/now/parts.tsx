// The lists of Now: firing alerts, changes, recommendations.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Alert, Operation, Summary } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { aim } from '../../format/causes.ts'
import { capitalised } from '../../format/text.ts'
import { Failure } from '../../parts/answer.tsx'
import { Icon } from '../../parts/icon.tsx'
import { useKeyName } from '../../parts/key-name.tsx'
import { Section } from '../../parts/section.tsx'
import { Name, Time } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'
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
              {capitalised(alert.severity)}
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
                <button
                  type="button"
                  className="btn btn-small"
                  onClick={() => resolve.mutate(alert.id)}
                  disabled={resolve.isPending}
                >
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
              <span
                className={`flag ${change.at < from ? 'off' : ''}`}
                title={change.at < from ? 'before this span' : undefined}
              >
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
          <b>{capitalised(of.marker.kind)}</b> {of.marker.message}
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
        {operation.plan?.keys !== undefined && <>, {numbers.counted(operation.plan.keys, 'key')}</>}
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
      {capitalised(kind)} {text !== '' && <Name>{text}</Name>}
      {more > 0 && ` and ${more} more`}
    </>
  )
}

/** Only what the caller may do, and the server supports. */
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
      note: `${aim(invalidation.operation.request?.criteria, keyName).text || 'everything'}: reloaded before it is requested`,
      place: placeOf('invalidate', { id: invalidation.operation.id }),
      verb: 'Undo…',
    })
  if (configuration?.is === 'configuration' && may('config:write'))
    helps.push({
      title: `Roll ${configuration.configuration.name} back`,
      note: `to version ${configuration.configuration.version - 1}; nothing is dropped`,
      place: placeOf('configurations', {
        id: configuration.configuration.id,
        version: configuration.configuration.version - 1,
      }),
      verb: 'Plan…',
    })
  if (offers('GET', 'explain/'))
    helps.push({
      title: 'Explain a miss',
      note:
        costliest === undefined
          ? 'what each tier has of a key, and who removed it'
          : `${costliest.name} missed ${numbers.times(costliest.misses)}`,
      place: placeOf('why', { cache: summary.cache_name }),
      verb: 'Why…',
    })
  if (may('invalidate') && offers('POST', 'invalidations/plan/'))
    helps.push({
      title: 'Invalidate what is wrong',
      note: 'by key, tag or pattern; the plan shows what would be removed',
      place: placeOf('invalidate', { cache: summary.cache_name }),
      verb: 'Plan…',
    })
  return (
    <Section title="What would help" note="nothing is done yet" className="now-acts no-paper">
      {helps.length === 0 ? (
        <p className="note">Your role permits none of these actions.</p>
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
