// Why reads miss: the causes, and one key explained.
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useCacheName, useSummaries } from '../api/queries.ts'
import type { Explanation, Summary } from '../api/types.ts'
import { useAccess, useDashboard } from '../context.tsx'
import { causeName, causeShares } from '../format/causes.ts'
import { Answer } from '../parts/answer.tsx'
import { PageTitle, Section } from '../parts/section.tsx'
import { Table } from '../parts/table.tsx'
import { Unit, vars } from '../parts/words.tsx'
import { Link, placeOf, usePlace } from '../place/place.tsx'
import { NotInstalled } from '../shell/missing.tsx'
import { Copies, copiesOf } from './keys/copies.tsx'
import { Explained } from './keys/explained.tsx'

export function Why() {
  const { offers } = useAccess()
  const { query } = usePlace()
  const cache = useCacheName()
  const summaries = useSummaries()
  const key = query.get('key') ?? ''
  const ns = query.get('ns') ?? 'default'
  if (!offers('GET', 'explain/'))
    return (
      <NotInstalled title="No miss can be explained here" route="GET explain/">
        <p>Why a key missed: the cause in each tier, and who requested the invalidation that removed it.</p>
      </NotInstalled>
    )
  const summary = summaries.data?.caches.find(({ cache_name }) => cache_name === cache)
  return (
    <>
      <PageTitle
        title="Why did it miss?"
        say="Every miss has one cause, from a closed list. If it is no longer remembered, it is shown as unknown, never guessed."
      />
      <div className="stack-wide">
        <Ask key={`${ns} ${key}`} name={key} namespace={ns} known={summary?.namespaces.map(({ name }) => name) ?? []} />
        {key !== '' && <OneKey name={key} namespace={ns} cache={cache} />}
        {summary !== undefined && <Causes summary={summary} />}
      </div>
    </>
  )
}

/** The query; another URL is another query. */
function Ask({
  name,
  namespace,
  known,
}: {
  readonly name: string
  readonly namespace: string
  readonly known: readonly string[]
}) {
  const { query, go } = usePlace()
  const { redact } = useDashboard()
  const [draft, setDraft] = useState({ key: redact === 'none' ? name : '', ns: namespace })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    go(placeOf('why', { range: query.get('range') ?? undefined, cache: query.get('cache') ?? undefined, ...draft }))
  }
  return (
    <form className="ask" onSubmit={submit}>
      <label className="field">
        <span>Key</span>
        <input
          className="input mono"
          required
          value={draft.key}
          onChange={(event) => setDraft({ ...draft, key: event.target.value })}
          spellCheck={false}
        />
      </label>
      <label className="field">
        <span>Namespace</span>
        <input
          className="input"
          list="millpond-namespaces"
          value={draft.ns}
          onChange={(event) => setDraft({ ...draft, ns: event.target.value })}
          spellCheck={false}
        />
        <datalist id="millpond-namespaces">
          {known.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </label>
      <button type="submit" className="btn btn-primary">
        Explain
      </button>
    </form>
  )
}

function OneKey({
  name,
  namespace,
  cache,
}: {
  readonly name: string
  readonly namespace: string
  readonly cache: string | undefined
}) {
  const { client } = useDashboard()
  const explained = useQuery({
    queryKey: ['explain', cache, namespace, name],
    queryFn: ({ signal }) => client.get<Explanation>('explain/', { key: name, namespace, cache_name: cache }, signal),
  })
  return (
    <Answer query={explained} what="The explanation">
      {(explanation) => (
        <>
          <Explained explanation={explanation} />
          <Copies explanation={explanation} copies={copiesOf(explanation)} />
          <p>
            <Link to={placeOf('keys', { cache, ns: namespace, key: name })}>Everything about this key</Link>
          </p>
        </>
      )}
    </Answer>
  )
}

function Causes({ summary }: { readonly summary: Summary }) {
  const { numbers } = useDashboard()
  const { query } = usePlace()
  const minute = summary.last_minute_miss_causes ?? {}
  const rows = causeShares(summary.miss_causes, Number.POSITIVE_INFINITY)
  const wanted = query.get('cause')
  const mostly = (cause: string): string => {
    const [first] = [...summary.namespaces].sort((a, b) => (b.miss_causes[cause] ?? 0) - (a.miss_causes[cause] ?? 0))
    return first === undefined || !first.miss_causes[cause] ? 'not known' : first.name
  }
  return (
    <Section
      title="Causes"
      note={`${numbers.count(summary.total.misses)} misses since the processes of ${summary.cache_name} started`}
    >
      {rows.length === 0 ? (
        <p>No read has missed yet.</p>
      ) : (
        <Table
          caption="Causes of misses, most first"
          rows={rows}
          keyOf={({ cause }) => cause}
          toneOf={({ cause }) => (wanted !== null && cause !== wanted ? 'quiet' : undefined)}
          columns={[
            { name: 'Cause', cell: ({ cause }) => (cause === wanted ? <b>{causeName(cause)}</b> : causeName(cause)) },
            { name: 'Last minute', isNumber: true, cell: ({ cause }) => numbers.count(minute[cause] ?? 0) },
            { name: 'In all', isNumber: true, cell: ({ count }) => numbers.count(count) },
            {
              name: 'Share',
              isNumber: true,
              cell: ({ share }) => (
                <span className="bar-cell share-cell">
                  <i style={vars({ '--v': share * 100 })} />
                  <Unit figure={numbers.percent(share)} />
                </span>
              ),
            },
            { name: 'Mostly in', cell: ({ cause }) => mostly(cause) },
            { name: 'Name in metrics', folded: 'wide', cell: ({ cause }) => <code>{cause}</code> },
          ]}
        />
      )}
    </Section>
  )
}
