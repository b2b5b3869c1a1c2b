// One key: every copy, why it misses, who invalidated it, its value on request, and the actions on it.
import { useQuery } from '@tanstack/react-query'
import { ofKey } from '../../api/key-path.ts'
import type { Explanation, Page } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { lineOf } from '../../format/lines.ts'
import { Answer } from '../../parts/answer.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { useKeyName } from '../../parts/key-name.tsx'
import { Notice, PageTitle, Section } from '../../parts/section.tsx'
import { Time, Unit } from '../../parts/words.tsx'
import { Link, placeOf, usePlace } from '../../place/place.tsx'
import { useLive } from '../../shell/live.tsx'
import { SameBytes } from './bytes.tsx'
import { Copies, copiesOf } from './copies.tsx'
import { Explained } from './explained.tsx'
import { Tags } from './tags.tsx'
import { Value } from './value.tsx'

/** The key as in code, a tuple as the text of an array. */
export interface KeyInspectorProps {
  /** The key. */
  readonly name: string
  /** Its namespace. */
  readonly namespace: string
  /** Its cache; undefined: the only one that there is. */
  readonly cache: string | undefined
}

/** Every copy of a key, why it misses, who invalidated it, and the actions on it. */
export function KeyInspector({ name, namespace, cache }: KeyInspectorProps) {
  const { client, numbers, redact } = useDashboard()
  const { addresses } = usePlace()
  const { may } = useAccess()
  const live = useLive()
  const about = { cache_name: cache, namespace }
  const explained = useQuery({
    queryKey: ['key', cache, namespace, name],
    queryFn: ({ signal }) => client.get<Explanation>(...ofKey(name, about), signal),
    refetchInterval: live.every(3000),
  })
  const shown = useKeyName()
  return (
    <div className="stack">
      <PageTitle
        isKey
        crumbs={[
          <Link key="keys" to="keys/">
            Keys
          </Link>,
          <Link key="ns" to={placeOf('keys', { cache, ns: namespace })}>
            {namespace}
          </Link>,
          'copies',
        ]}
        title={
          <span dir="auto" translate="no">
            {shown(name)}
          </span>
        }
        actions={
          <>
            {redact === 'none' && <CopyButton text={name} label="Copy" />}
            <CopyButton
              text={() =>
                new URL(addresses.href(placeOf('keys', { cache, ns: namespace, key: name })), location.href).href
              }
              label="Copy link"
            />
          </>
        }
      />
      <Answer query={explained} what="This key">
        {(explanation) => {
          const copies = copiesOf(explanation)
          const held =
            copies.find(({ copy }) => copy.state === 'fresh') ?? copies.find(({ copy }) => copy.state !== 'absent')
          return (
            <>
              <dl className="facts">
                <div>
                  <dt>Namespace</dt>
                  <dd>
                    <Link to={placeOf('keys', { cache, ns: namespace })}>{namespace}</Link>
                  </dd>
                </div>
                <div>
                  <dt>Tags</dt>
                  <dd>
                    <Tags tags={held?.copy.tags ?? []} cache={cache} />
                  </dd>
                </div>
                {held?.copy.bytes !== undefined && (
                  <div>
                    <dt>Size</dt>
                    <dd>
                      <Unit figure={numbers.bytes(held.copy.bytes)} />
                    </dd>
                  </div>
                )}
                {held?.copy.version !== undefined && (
                  <div>
                    <dt>Version</dt>
                    <dd>{numbers.count(held.copy.version.seq)}</dd>
                  </div>
                )}
                <div>
                  <dt>Cache</dt>
                  <dd>{explanation.cache_name}</dd>
                </div>
              </dl>
              <Copies explanation={explanation} copies={copies} />
              <div className="cols">
                <Explained explanation={explanation} className="span-7" />
                <div className="span-5 stack">
                  <History name={name} about={about} />
                  <SameBytes name={name} about={about} />
                  <Value name={name} about={about} />
                </div>
              </div>
              {(may('invalidate') || may('warm')) && <Act name={name} namespace={namespace} cache={cache} />}
            </>
          )
        }}
      </Answer>
    </div>
  )
}

type About = Readonly<Record<'cache_name' | 'namespace', string | undefined>>

interface HistoryRow {
  readonly operation: string
  readonly kind: string
  readonly actor: string
  readonly reason: string | null
  readonly at: string
}

function History({ name, about }: { readonly name: string; readonly about: About }) {
  const { client } = useDashboard()
  const { offers } = useAccess()
  const history = useQuery({
    queryKey: ['key', about.cache_name, about.namespace, name, 'history'],
    queryFn: ({ signal }) => client.get<Page<HistoryRow>>(...ofKey(name, about, 'history/'), signal),
    enabled: offers('GET', 'keys/{key}/history/'),
  })
  if (!offers('GET', 'keys/{key}/history/')) return null
  return (
    <Section title="History" note="operations that named it">
      <Answer query={history} what="The history of this key">
        {({ data }) =>
          data.length === 0 ? (
            <p className="note">No operation of this control plane has named it.</p>
          ) : (
            <ol className="log">
              {data.map((row) => (
                <li key={row.operation}>
                  <Time at={row.at} />
                  <div>
                    <p>
                      <b>{row.kind === 'invalidate' ? 'Invalidated' : 'Warmed'}</b> by {row.actor}
                    </p>
                    <p>
                      {row.kind === 'invalidate' ? (
                        <Link to={placeOf('invalidate', { id: row.operation })}>{row.operation}</Link>
                      ) : (
                        row.operation
                      )}
                      {row.reason !== null && (
                        <>
                          {' '}
                          · <bdi>{row.reason}</bdi>
                        </>
                      )}
                    </p>
                  </div>
                </li>
              ))}
            </ol>
          )
        }
      </Answer>
    </Section>
  )
}

function Act({ name, namespace, cache }: KeyInspectorProps) {
  const { may, offers } = useAccess()
  const to = (mode: string) => placeOf('invalidate', { cache, ns: namespace, by: 'keys', value: lineOf(name), mode })
  return (
    <Section title="Act on this key" note="each opens its page; nothing happens yet" className="no-paper">
      <div className="row">
        {may('warm') && offers('POST', 'warming/warm_keys/') && (
          <Link to={placeOf('warm', { cache, ns: namespace, key: name })} className="btn">
            Warm…
          </Link>
        )}
        {may('invalidate') && offers('POST', 'invalidations/plan/') && (
          <span className="row push">
            <Link to={to('soft')} className="btn">
              Invalidate, soft…
            </Link>
            <Link to={to('hard')} className="btn btn-danger">
              Invalidate, hard…
            </Link>
          </span>
        )}
      </div>
      {!may('invalidate') && <Notice>Your role may warm but not invalidate.</Notice>}
    </Section>
  )
}
