// The audit log: who did what, from where, with what outcome; proof that nothing was changed or cut off.
import { keepPreviousData, useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { AuditRow, AuditVerdict, Page } from '../api/types.ts'
import { useAccess, useDashboard } from '../context.tsx'
import { Bones, Failure } from '../parts/answer.tsx'
import { useKeyName, useKeysIn } from '../parts/key-name.tsx'
import { Notice, PageTitle, Section, State } from '../parts/section.tsx'
import { Table } from '../parts/table.tsx'
import { Name, Time, Word } from '../parts/words.tsx'
import { placeOf, usePlace } from '../place/place.tsx'
import { useLive } from '../shell/live.tsx'
import { NotInstalled } from '../shell/missing.tsx'

export function Audit() {
  const access = useAccess()
  if (!access.offers('GET', 'audit/')) return <NotInstalled title="There is no audit log" route="GET audit/" />
  if (!access.may('audit:read'))
    return (
      <State label="Not yours to see" title="Your role cannot read the audit log" level="h1">
        <p>
          Only administrators and auditors can read it. You are signed in as {access.session.name},{' '}
          {access.session.role}.
        </p>
      </State>
    )
  return <AuditLog />
}

function AuditLog() {
  const { client, numbers } = useDashboard()
  const { query, go } = usePlace()
  const live = useLive()
  const actor = query.get('actor') ?? ''
  const action = query.get('action') ?? ''
  const rows = useInfiniteQuery({
    queryKey: ['audit', actor, action],
    queryFn: ({ pageParam, signal }) =>
      client.get<Page<AuditRow>>('audit/', { actor, action, cursor: pageParam, limit: 50 }, signal),
    initialPageParam: undefined as string | undefined, // TanStack Query takes the parameter's type from here
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: live.every(15_000),
  })
  const filter = (change: { actor?: string; action?: string }) =>
    go(placeOf('audit', { range: query.get('range') ?? undefined, actor, action, ...change }), { replace: true })
  const data = rows.data?.pages.flatMap((page) => page.data) ?? []
  return (
    <>
      <PageTitle
        title="Audit"
        say="Every change, rejection and viewed value, chained so that a removed row is noticed."
        actions={<Exports actor={actor} action={action} />}
      />
      <div className="stack">
        <Verify />
        <Section
          title="Log"
          note={rows.data === undefined ? undefined : `${numbers.counted(data.length, 'row')}, newest first`}
        >
          <form className="filters" onSubmit={(event) => event.preventDefault()}>
            <label className="field">
              <span>Who, exactly</span>
              <input
                className="input"
                value={actor}
                onChange={(event) => filter({ actor: event.target.value })}
                spellCheck={false}
              />
            </label>
            <label className="field">
              <span>Action or its beginning</span>
              <input
                className="input mono"
                placeholder="configuration."
                value={action}
                onChange={(event) => filter({ action: event.target.value })}
                spellCheck={false}
              />
            </label>
          </form>
          {rows.error !== null && (
            <Failure
              error={rows.error}
              what="The audit log"
              retry={() => void rows.refetch()}
              since={rows.data && rows.dataUpdatedAt}
            />
          )}
          {rows.data === undefined ? (
            rows.error === null && <Bones />
          ) : data.length === 0 ? (
            <p>{actor || action ? 'No row matches these filters.' : 'Nothing has been changed yet.'}</p>
          ) : (
            <Table
              caption="Audit rows, newest first"
              isDense
              columns={COLUMNS}
              rows={data}
              keyOf={({ id }) => id}
              toneOf={({ outcome }) => (outcome === 'refused' || outcome === 'failed' ? 'wrong' : undefined)}
            />
          )}
          {rows.hasNextPage && (
            <p className="row more">
              <button
                type="button"
                className="btn"
                onClick={() => void rows.fetchNextPage()}
                disabled={rows.isFetchingNextPage}
              >
                {rows.isFetchingNextPage ? 'Reading…' : 'Older rows'}
              </button>
            </p>
          )}
        </Section>
      </div>
    </>
  )
}

const COLUMNS = [
  { name: 'When', cell: (row: AuditRow) => <Time at={row.at} /> },
  {
    name: 'Who',
    cell: (row: AuditRow) => (
      <>
        {row.actor}
        <span className="note block">{[row.via, row.address].filter(Boolean).join(', ')}</span>
      </>
    ),
  },
  { name: 'Action', cell: (row: AuditRow) => <code>{row.action}</code> },
  { name: 'On', folded: 'wide' as const, cell: (row: AuditRow) => <Target row={row} /> },
  {
    name: 'Outcome',
    folded: 'right' as const,
    cell: (row: AuditRow) =>
      row.outcome === 'refused' || row.outcome === 'failed' ? (
        <Word tone="critical" glyph="no">
          {row.outcome}
        </Word>
      ) : row.kind === 'plan' ? (
        'planned only'
      ) : (
        row.outcome
      ),
  },
  { name: 'Detail', folded: 'wide' as const, cell: (row: AuditRow) => <Detail row={row} /> },
]

/** The key, for a viewed value. */
function Target({ row: { action, target } }: { readonly row: AuditRow }) {
  const keyName = useKeyName()
  return <Name>{action === 'value.read' ? keyName(target) : target}</Name>
}

function Detail({ row }: { readonly row: AuditRow }) {
  const keysIn = useKeysIn()
  return (
    <details className="data">
      <summary>
        {row.id}
        <span className="sr"> of {row.action}</span>
      </summary>
      <pre className="code">
        {JSON.stringify(
          { seq: row.seq, request_id: row.request_id, hash: row.hash, detail: keysIn(row.detail) },
          null,
          2,
        )}
      </pre>
    </details>
  )
}

function Verify() {
  const { client, numbers } = useDashboard()
  const verify = useMutation({ mutationFn: () => client.get<AuditVerdict>('audit/verify/') })
  const button = (
    <button type="button" className="btn btn-small" onClick={() => verify.mutate()} disabled={verify.isPending}>
      {verify.isPending ? 'Reading…' : verify.data === undefined ? 'Verify the chain' : 'Verify again'}
    </button>
  )
  if (verify.error !== null) return <Failure error={verify.error} what="The proof" retry={() => verify.mutate()} />
  const { data } = verify
  if (data === undefined)
    return (
      <Notice actions={button}>
        Each row holds the hash of the row before it. Verifying reads all of them, at most twice a minute.
      </Notice>
    )
  return data.ok ? (
    <Notice
      tone="proven"
      actions={button}
      more={
        <>
          Keep row {numbers.count(data.last.seq)} and <code className="said">{data.last.hash}</code> elsewhere: they can
          prove later that nothing was cut off.
        </>
      }
    >
      <b>The chain is intact</b>, {data.rows === 1 ? 'its only row' : `all ${numbers.count(data.rows)} rows of it`}.
    </Notice>
  ) : (
    <Notice tone="critical" actions={button} isAlert>
      <b>The chain is broken at row {data.broken?.seq}.</b> {data.broken?.why}
    </Notice>
  )
}

function Exports({ actor, action }: { readonly actor: string; readonly action: string }) {
  const { client } = useDashboard()
  const [error, setError] = useState<unknown>()
  const save = async (format: 'ndjson' | 'csv') => {
    try {
      setError(undefined)
      const response = await client.raw('GET', 'audit/', { query: { format, actor, action } })
      saveAs(await response.blob(), `audit.${format}`)
    } catch (failure) {
      setError(failure)
    }
  }
  return (
    <>
      <button type="button" className="btn" onClick={() => void save('csv')}>
        Export CSV
      </button>
      <button type="button" className="btn" onClick={() => void save('ndjson')}>
        Export NDJSON
      </button>
      {error !== undefined && <Failure error={error} what="The export" />}
    </>
  )
}

function saveAs(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  URL.revokeObjectURL(url)
}
