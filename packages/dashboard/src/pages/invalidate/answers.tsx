// The results of an invalidation: acknowledged, late, unproven, and probed are distinguished.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { InvalidationResult, Operation } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import type { Numbers } from '../../format/numbers.ts'
import { Failure } from '../../parts/answer.tsx'
import { Icon } from '../../parts/icon.tsx'
import { useKeyName } from '../../parts/key-name.tsx'
import { Notice } from '../../parts/section.tsx'
import { Source } from '../../parts/source.tsx'
import { Table } from '../../parts/table.tsx'
import { Unit, Word } from '../../parts/words.tsx'
import { Stop } from './stop.tsx'

interface AnswerRow {
  readonly where: string
  readonly tier: string
  readonly node: string | undefined
  readonly status: string
  readonly ms: number | undefined
  readonly says: string
}

const SAYS: Readonly<Record<string, string>> = {
  acked: 'has applied it: nothing older is accepted there',
  behind: 'answers, but has not applied it yet; its memory is not trusted until it has',
  late: 'does not answer; it catches up before it serves again',
  left: 'is gone, and its memory with it',
}

export function Acknowledged({ operation }: { readonly operation: Operation }) {
  const { numbers } = useDashboard()
  const caches = Object.entries(operation.result?.caches ?? {})
  const rows = caches.flatMap(([, result]) => rowsOf(result, numbers))
  const acked = rows.filter(({ status }) => status === 'acked' || status === 'done').length
  const isDone = operation.state === 'completed'
  return (
    <Stop
      at={4}
      is={isDone ? 'done' : 'doing'}
      title="Acknowledged"
      note={
        <span role="status">
          {rows.length === 0 ? 'no node has answered yet' : `${acked} of ${rows.length} places`}
        </span>
      }
    >
      {operation.result?.error !== undefined && (
        <Notice tone="critical">
          <b>It failed.</b> {operation.result.error}
        </Notice>
      )}
      {rows.length > 0 && (
        <Table
          caption="Answers by tier and node"
          rows={rows}
          keyOf={({ where }) => where}
          toneOf={({ status }) =>
            status === 'late' || status === 'behind' || status === 'failed' ? 'wrong' : undefined
          }
          columns={[
            {
              name: 'Where',
              cell: ({ tier, node }) => <Source tier={tier} {...(node === undefined ? {} : { node })} />,
            },
            { name: 'State', folded: 'right', cell: ({ status }) => <AckState status={status} /> },
            {
              name: 'After',
              isNumber: true,
              cell: ({ ms }) => (ms === undefined ? '' : <Unit figure={numbers.ms(ms)} />),
            },
            { name: 'What it means', folded: 'wide', cell: ({ says }) => says },
          ]}
        />
      )}
    </Stop>
  )
}

function rowsOf({ receipts, nodes = [] }: InvalidationResult, numbers: Numbers): readonly AnswerRow[] {
  const tiers = new Map<string, { ok: boolean; removed: number }>()
  for (const { tiers: some } of receipts)
    for (const { name, ok, removed } of some) {
      const known = tiers.get(name)
      tiers.set(name, { ok: ok && (known?.ok ?? true), removed: removed + (known?.removed ?? 0) })
    }
  return [
    ...nodes.map(({ id, status, ms }) => ({
      where: `memory ${id}`,
      tier: 'memory',
      node: id,
      status,
      ms,
      says: SAYS[status] ?? status,
    })),
    ...[...tiers]
      .filter(([name]) => name !== 'memory')
      .map(([name, { ok, removed }]) => ({
        where: name,
        tier: name,
        node: undefined,
        status: ok ? 'done' : 'failed',
        ms: undefined,
        says: ok
          ? removed > 0
            ? `${numbers.counted(removed, 'entry', 'entries')} dropped there at once`
            : 'its older entries are not accepted any more'
          : 'could not be notified; its entries are still checked against the ledger',
      })),
  ]
}

function AckState({ status }: { readonly status: string }) {
  if (status === 'acked' || status === 'done')
    return <Word tone="proven">{status === 'acked' ? 'acknowledged' : 'done'}</Word>
  if (status === 'left') return <Word tone="unknown">left</Word>
  if (status === 'late' || status === 'behind')
    return (
      <Word tone="critical" glyph="late">
        {status}
      </Word>
    )
  return <Word tone="critical">{status}</Word>
}

export function Probed({ operation }: { readonly operation: Operation }) {
  const { numbers } = useDashboard()
  const keyName = useKeyName()
  const probes = Object.values(operation.result?.caches ?? {}).flatMap(({ probe }) =>
    probe === undefined ? [] : [probe],
  )
  const checked = probes.reduce((all, one) => all + one.checked, 0)
  const old = probes.flatMap((one) => one.old)
  const isKnown = probes.length > 0
  return (
    <Stop
      at={5}
      is={isKnown && old.length === 0 ? 'done' : 'doing'}
      title="Probed"
      note="read back in every process, as a user's read would"
    >
      <div className="cols">
        <div className="span-5">
          {!isKnown ? (
            <p>Not probed yet.</p>
          ) : checked === 0 ? (
            <p>No key was known to probe: the plan had no sample in memory.</p>
          ) : old.length === 0 ? (
            <>
              <p className="probe-say">
                <b>
                  {numbers.count(checked)} of {numbers.count(checked)}
                </b>{' '}
                sampled copies are gone or stale, as asked.
              </p>
              <ol className="probe" aria-hidden="true">
                {Array.from({ length: Math.min(checked, 20) }, (_, at) => `sample ${at + 1}`).map((name) => (
                  <li key={name}>
                    <Icon name="ok" />
                  </li>
                ))}
              </ol>
            </>
          ) : (
            <Notice tone="critical" isAlert more={<code>{old.slice(0, 5).map(keyName).join(', ')}</code>}>
              <b>
                {numbers.count(old.length)} of {numbers.count(checked)} sampled keys still answer as before.
              </b>
            </Notice>
          )}
        </div>
        <div className="span-7">
          <Undo operation={operation} />
        </div>
      </div>
    </Stop>
  )
}

function Undo({ operation }: { readonly operation: Operation }) {
  const { client, numbers } = useDashboard()
  const { may, offers } = useAccess()
  const queries = useQueryClient()
  const undo = useMutation({
    mutationFn: () =>
      client.send<Operation | { readonly id?: string; readonly state: 'running' }>(
        'POST',
        `invalidations/${operation.id}/undo/`,
        {},
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['operations'] }),
  })
  if (!may('warm') || !offers('POST', 'invalidations/{id}/undo/')) return null
  const done = undo.data !== undefined && 'result' in undo.data ? undo.data.result : undefined
  return (
    <>
      <Notice
        {...(undo.data === undefined ? {} : { tone: 'proven' as const })}
        actions={
          <button
            type="button"
            className="btn btn-small"
            onClick={() => undo.mutate()}
            disabled={undo.isPending || undo.data !== undefined}
          >
            {undo.isPending ? 'Warming…' : undo.data === undefined ? 'Warm the hottest again' : 'Done'}
          </button>
        }
      >
        {undo.data === undefined ? (
          <>
            <b>Undo means warming.</b> Invalidated values cannot be brought back; the hottest of these keys can be
            reloaded by the registered loaders.
          </>
        ) : done === undefined || done === null ? (
          <>
            <b>It runs.</b> {'id' in undo.data && undo.data.id}
          </>
        ) : (
          <>
            <b>{numbers.counted(done.loaded ?? 0, 'key was', 'keys were')} loaded again</b>,{' '}
            {numbers.counted(done.fresh ?? 0, 'was', 'were')} there already
            {(done.failed ?? 0) > 0 && `, ${numbers.count(done.failed ?? 0)} failed`}
            {(done.without_source ?? 0) > 0 &&
              `, ${numbers.counted(done.without_source ?? 0, 'has', 'have')} no registered loader`}
            .
          </>
        )}
      </Notice>
      {undo.error !== null && <Failure error={undo.error} what="The undo" />}
    </>
  )
}
