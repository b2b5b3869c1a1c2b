// Keys: the contents of memory, by name, by tag, hottest or largest first; or the key in the URL.
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useCacheName, useSummaries } from '../../api/queries.ts'
import type { KeyPage, KeyRow } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { timeLeft } from '../../format/times.ts'
import { Bones, Failure } from '../../parts/answer.tsx'
import { KeyLink } from '../../parts/key-name.tsx'
import { NamespaceField } from '../../parts/namespace-field.tsx'
import { PageTitle, Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Unit } from '../../parts/words.tsx'
import { placeOf, usePlace } from '../../place/place.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import { Groups, HITS, hitsOf } from './groups.tsx'
import { KeyInspector } from './inspector.tsx'
import { AllNamespaces } from './namespaces.tsx'
import { Tags } from './tags.tsx'

const VIEWS = [
  { by: '', name: 'All' },
  { by: 'hits', name: 'Hottest' },
  { by: 'bytes', name: 'Largest' },
  { by: 'tag', name: 'Tags' },
  { by: 'pattern', name: 'Patterns' },
  { by: 'namespace', name: 'Namespaces' },
] as const

export function Keys() {
  const { offers } = useAccess()
  const { query } = usePlace()
  const cache = useCacheName()
  const key = query.get('key')
  if (!offers('GET', 'keys/'))
    return (
      <NotInstalled title="No keys can be listed here" route="GET keys/">
        <p>Every copy of a key, one row for each node and tier, and whether they are the same.</p>
      </NotInstalled>
    )
  if (key !== null) return <KeyInspector name={key} namespace={query.get('ns') ?? 'default'} cache={cache} />
  return <KeyBrowser cache={cache} />
}

function KeyBrowser({ cache }: { readonly cache: string | undefined }) {
  const { query, go } = usePlace()
  const { redact } = useDashboard()
  const summaries = useSummaries()
  const namespaces = summaries.data?.caches.find(({ cache_name }) => cache_name === cache)?.namespaces ?? []
  const by = query.get('by') ?? ''
  const ns = query.get('ns') ?? ''
  const contains = query.get('contains') ?? query.get('prefix') ?? ''
  const tag = query.get('tag') ?? ''
  const set = (change: Record<string, string>) =>
    go(
      placeOf('keys', {
        range: query.get('range') ?? undefined,
        cache: query.get('cache') ?? undefined,
        by,
        ns,
        contains,
        tag,
        ...change,
      }),
      { replace: true },
    )
  return (
    <>
      <PageTitle
        title="Keys"
        say="Keys in the memory of one process. No tier is listed for this page, and no value is read."
      />
      <div className="stack-wide">
        <form className="filters" onSubmit={(event) => event.preventDefault()}>
          <fieldset className="field wide-field">
            <legend>Show</legend>
            <div className="choice">
              {VIEWS.filter((view) => redact === 'none' || view.by !== 'pattern').map((view) => (
                <label key={view.by}>
                  <input type="radio" name="by" checked={by === view.by} onChange={() => set({ by: view.by })} />
                  {view.name}
                </label>
              ))}
            </div>
          </fieldset>
          {by !== 'namespace' && (
            <NamespaceField
              label="Namespace"
              none="all"
              value={ns}
              known={namespaces}
              onChoose={(chosen) => set({ ns: chosen })}
            />
          )}
          {by === '' && (
            <>
              <label className="field">
                <span>Contains</span>
                <input
                  className="input mono"
                  value={contains}
                  onChange={(event) => set({ contains: event.target.value })}
                  spellCheck={false}
                />
              </label>
              <label className="field">
                <span>Tag, exactly</span>
                <input
                  className="input mono"
                  value={tag}
                  onChange={(event) => set({ tag: event.target.value })}
                  spellCheck={false}
                />
              </label>
            </>
          )}
        </form>
        {by === '' ? (
          <KeyTable cache={cache} ns={ns} contains={contains} tag={tag} />
        ) : by === 'namespace' ? (
          <AllNamespaces cache={cache} />
        ) : (
          <Groups cache={cache} ns={ns} by={by} title={VIEWS.find((view) => view.by === by)?.name ?? 'Groups'} />
        )}
      </div>
    </>
  )
}

function KeyTable({
  cache,
  ns,
  contains,
  tag,
}: {
  readonly cache: string | undefined
  readonly ns: string
  readonly contains: string
  readonly tag: string
}) {
  const { client, numbers } = useDashboard()
  const keys = useInfiniteQuery({
    queryKey: ['keys', cache, ns, contains, tag],
    queryFn: ({ pageParam, signal }) =>
      client.get<KeyPage>(
        'keys/',
        { cache_name: cache, namespace: ns, contains, tag, cursor: pageParam, limit: 50 },
        signal,
      ),
    initialPageParam: undefined as string | undefined, // TanStack Query takes the parameter's type from here
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  })
  const pages = keys.data?.pages ?? []
  const rows = pages.flatMap(({ data }) => data)
  const { scanned = 0, hits_limit: limit } = pages.at(-1) ?? {}
  return (
    <Section
      title="Keys"
      note={
        pages.length === 0 ? undefined : (
          <span role="status">
            {numbers.count(rows.length)} shown, {numbers.counted(scanned, 'entry', 'entries')} scanned
          </span>
        )
      }
      footer={rows.length > 0 && HITS}
    >
      {keys.error !== null && <Failure error={keys.error} what="The list of keys" retry={() => void keys.refetch()} />}
      {keys.data === undefined ? (
        keys.error === null && <Bones />
      ) : rows.length === 0 ? (
        <p>
          {contains || tag || ns ? 'No key in memory matches.' : 'Memory holds no key yet.'} A key that is only in
          another tier is not listed; look it up by its name with <kbd>Ctrl K</kbd>.
        </p>
      ) : (
        <Table
          isDense
          caption="Keys in memory"
          rows={rows}
          keyOf={(row) => `${row.namespace} ${row.key}`}
          columns={[
            { name: 'Key', cell: (row: KeyRow) => <KeyLink name={row.key} namespace={row.namespace} cache={cache} /> },
            { name: 'Namespace', cell: (row) => row.namespace },
            { name: 'Size', isNumber: true, cell: (row) => <Unit figure={numbers.bytes(row.bytes)} /> },
            { name: 'Hits', isNumber: true, cell: (row) => hitsOf(numbers, row.hits, limit) },
            { name: 'Age', isNumber: true, cell: (row) => timeLeft(row.age_seconds * 1000) },
            {
              name: 'TTL left',
              isNumber: true,
              cell: (row) => (row.ttl_seconds === null ? 'for ever' : timeLeft(row.ttl_seconds * 1000)),
            },
            { name: 'Tags', folded: 'wide', cell: (row) => <Tags tags={row.tags} cache={cache} /> },
          ]}
        />
      )}
      {keys.hasNextPage && (
        <p className="row more">
          <button
            type="button"
            className="btn"
            onClick={() => void keys.fetchNextPage()}
            disabled={keys.isFetchingNextPage}
          >
            {keys.isFetchingNextPage ? 'Looking…' : 'More'}
          </button>
        </p>
      )}
    </Section>
  )
}
